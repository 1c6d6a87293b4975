"""What keeps a function from being shipped is named."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_function
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.submit.payload import dump_function


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda dag: dag.locks, "locks"),
        (lambda dag: dag.calls_what_locks, "calls_what_locks"),
        (lambda dag: dag.Locking(), "Locking"),
        (lambda dag: functools.partial(dag.locks), "locks"),
    ],
    ids=["function", "helper", "callable object", "partial"],
)
def test_a_lock_in_its_globals_is_named(dag: Any, make: Callable[[Any], Any], name: str) -> None:
    with pytest.raises(
        NotPortableError, match=rf"the function {name} can't be shipped: .*'lock', of type _thread.lock"
    ):
        dump_function(bind_function(make(dag)))


def test_a_lock_in_its_closure_is_named() -> None:
    guard = threading.Lock()

    def f(x: int) -> int:
        with guard:
            return x

    with pytest.raises(NotPortableError, match=r"the function f can't be shipped: .*'guard', of type _thread.lock"):
        dump_function(bind_function(f))


def test_a_lock_in_the_shared_arguments_is_named() -> None:
    with pytest.raises(NotPortableError, match="extra_args 'y', of type lock, can't be pickled"):
        dump_function(bind_function(lambda x, y: x, {"y": threading.Lock()}))
    with pytest.raises(NotPortableError, match="extra_args 0, of type lock, can't be pickled"):
        dump_function(bind_function(lambda x, y: x, [threading.Lock()]))


@pytest.mark.parametrize(
    "function",
    [functools.partial(max, key=threading.Lock()), lambda x, y=threading.Lock(): x],  # noqa: B008
    ids=["partial", "default"],
)
def test_a_lock_anywhere_else_is_an_error_that_says_so(function: Any) -> None:
    with pytest.raises(NotPortableError, match=r"can't be shipped: .*lock"):
        dump_function(bind_function(function))
