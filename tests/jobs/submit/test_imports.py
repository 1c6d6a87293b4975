"""Which modules a function imports in its body, and which of them every call imports."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from lithops_provider.jobs.submit.imports import all_imports, certain_imports, entry_code

# ruff: noqa: F401 - these functions are read, not run


def at_the_beginning(x: Any) -> Any:
    import first
    import second.part as part
    from third import name

    print(x)  # noqa: T201
    import fourth

    return part, name


def on_some_ways(x: Any) -> None:
    if x:
        import first
    import second


def in_a_try(x: Any) -> None:
    try:
        import first
    except ImportError:
        import second


def within_a_context(x: Any) -> None:
    with x:
        import first


def in_a_loop(x: Any) -> None:
    for _ in x:
        import first


def generates(x: Any) -> Any:
    import first

    yield x


async def waits(x: Any) -> Any:
    import first

    return x


def defines(x: Any) -> Any:
    def inner() -> None:
        import first

    return inner


def changes_the_path_first(x: Any) -> None:
    import sys

    sys.path.append(x)
    import first


def relative(x: Any) -> None:
    from . import neighbour
    from .deeper import name


@pytest.mark.parametrize(
    ("function", "certain", "possible"),
    [
        (at_the_beginning, {"first", "second.part", "third"}, {"fourth"}),
        (on_some_ways, set(), {"first", "second"}),
        (in_a_try, set(), {"first", "second"}),
        (within_a_context, set(), {"first"}),
        (in_a_loop, set(), {"first"}),
        (generates, set(), {"first"}),
        (waits, set(), {"first"}),
        (defines, set(), {"first"}),
        (changes_the_path_first, {"sys"}, {"first"}),
        (relative, set(), set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_imported(function: Any, certain: set[str], possible: set[str]) -> None:
    assert certain_imports(function.__code__) == certain
    assert all_imports(function.__code__) == certain | possible


class Callable:
    def __call__(self, x: Any) -> None: ...

    def method(self, x: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (in_a_loop, in_a_loop.__code__),
        (functools.partial(functools.partial(in_a_loop, 1)), in_a_loop.__code__),
        (Callable().method, Callable.method.__code__),
        (Callable(), Callable.__call__.__code__),
        (len, None),
        (functools.partial(len), None),
        (Callable, None),
    ],
)
def test_where_a_call_begins(function: Any, code: Any) -> None:
    assert entry_code(function) is code
