from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_arguments, bind_call, bind_items
from lithops_provider.jobs.binding.reserved import FILLED_WITH, Barrier, filled_in, find_barrier, show_signature
from lithops_provider.jobs.errors import InvalidInputError


def fetch(id: int, timeout: int = 10) -> Any:
    return id, timeout


def between(x: int, id: int, y: int = 20) -> Any:
    return x, id, y


def rest(storage: Any, *paths: str) -> Any:
    return storage, paths


def natural(id: int, x: int) -> Any:
    return id, x


def last(x: int, y: int = 0, *, id: int) -> Any:
    return x, y, id


@pytest.mark.parametrize(
    ("function", "items", "reserved", "optional"),
    [
        (fetch, [101], "id", "timeout"),
        (fetch, [(101,)], "id", "timeout"),
        (between, [1, (1, 2)], "id", "y"),
        (rest, ["a"], "storage", "*paths"),
        (functools.partial(between, 1), [5], "id", "y"),
    ],
)
def test_an_item_never_lands_on_an_optional_parameter_behind_a_reserved_one(
    function: Callable[..., Any], items: list[Any], reserved: str, optional: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        list(bind_items(function, items)[1])

    message = str(caught.value)
    assert f"item {len(items) - 1}, " in message
    assert f"would become {optional!r}, past the parameter {reserved!r}" in message
    assert f"fills in with {FILLED_WITH[reserved]}; rename {reserved!r}" in message
    assert f"give items as dicts, in which a given {reserved!r} wins" in message


def test_nor_does_an_extra_argument_or_that_of_a_call() -> None:
    for bind in (
        lambda: list(bind_items(between, [1], [2])[1]),
        lambda: bind_call(fetch, 101),
        lambda: bind_call(fetch, [101]),
        lambda: bind_arguments(fetch, (101,), {}),
    ):
        with pytest.raises(InvalidInputError, match="past the parameter 'id'"):
            bind()


def test_nor_do_those_of_an_item_of_a_function_that_takes_an_object() -> None:
    def read(obj: Any, id: int, timeout: int = 10) -> None: ...

    with pytest.raises(InvalidInputError, match="past the parameter 'id'"):
        bind_arguments(read, ("bucket/key", 5), {})
    assert bind_arguments(read, ("bucket/key",), {"timeout": 5})[1] == [(("bucket/key",), {"timeout": 5})]


@pytest.mark.parametrize(
    ("function", "item"),
    [(natural, 5), (fetch, {"timeout": 5}), (fetch, {"id": 101}), (fetch, ()), (between, 1), (last, (1, 2))],
)
def test_all_else_is_taken(function: Callable[..., Any], item: Any) -> None:
    assert len(list(bind_items(function, [item])[1])) == 1


def test_errors_show_the_whole_signature_with_reserved_names_marked() -> None:
    with pytest.raises(InvalidInputError) as caught:
        list(bind_items(natural, [(1, 2)])[1])

    assert "does not fit natural(id: <filled in: the item's index>, x: 'int') -> 'Any': too many" in str(caught.value)


def test_which_are_filled_in() -> None:
    def f(id: int, /, x: int, storage: int, *rabbitmq: int, obj: int, **ibm_cos: int) -> None: ...

    signature = inspect.signature(f)

    assert filled_in(signature) == ("storage", "obj")
    assert filled_in(signature, {"obj": 1}) == ("storage",)
    assert find_barrier(signature, ("storage", "obj")) == Barrier(2, "storage", "*rabbitmq")
    assert show_signature(inspect.signature(abs), ()) == "(x, /)"
