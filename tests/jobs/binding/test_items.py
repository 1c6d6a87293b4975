from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.binding.items import MAX_ITEMS, as_items
from lithops_provider.jobs.errors import InvalidInputError
from tests.jobs.binding.bound import add, bound


def called(function: Callable[..., Any], item: Any) -> Any:
    """Returns what the function returns for the item."""
    ((args, kwargs),) = bind_items(function, [item])[1]
    return function(*args, **kwargs)


def every(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def named_otherwise(*numbers: Any, **options: Any) -> Any:
    return numbers, options


def leading(x: Any, y: Any = 0, *rest: Any) -> Any:
    return x, y, rest


def options_only(**options: Any) -> Any:
    return options


def plain(x: Any, y: Any) -> Any:
    return x, y


def positional_only(x: Any, /, *, y: Any) -> Any:
    return x, y


def its_own(args: Any, kwargs: Any) -> Any:
    return args, kwargs


@pytest.mark.parametrize(
    ("function", "item", "expected"),
    [
        (every, {"args": [1, 2], "kwargs": {"a": 3}}, ((1, 2), {"a": 3})),
        (every, {"args": (1, 2)}, ((1, 2), {})),
        (every, {"kwargs": {"a": 3}}, ((), {"a": 3})),
        (every, {"args": [1], "kwargs": {"a": 3}, "b": 4}, ((1,), {"b": 4, "a": 3})),
        (every, {"args": None, "kwargs": None}, ((), {})),
        (every, {"a": 1}, ((), {"a": 1})),
        (named_otherwise, {"numbers": [1], "options": {"a": 2}}, ((1,), {"a": 2})),
        (named_otherwise, {"args": [1], "kwargs": {"a": 2}}, ((), {"args": [1], "kwargs": {"a": 2}})),
        (leading, {"x": 1, "rest": [2, 3]}, (1, 2, (3,))),
        (leading, {"x": 1, "y": 2, "rest": [3]}, (1, 2, (3,))),
        (leading, {"x": 1, "y": 2, "rest": []}, (1, 2, ())),
        (options_only, {"args": [1]}, {"args": [1]}),
        (plain, {"args": [1], "kwargs": {"y": 2}}, (1, 2)),
        (positional_only, {"args": [1], "kwargs": {"y": 2}}, (1, 2)),
        (its_own, {"args": 1, "kwargs": 2}, (1, 2)),
    ],
)
def test_a_dict_may_give_positional_and_keyword_arguments(
    function: Callable[..., Any], item: dict[str, Any], expected: Any
) -> None:
    before = {key: value.copy() if isinstance(value, (list, dict)) else value for key, value in item.items()}

    assert called(function, item) == expected
    assert item == before


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"args": 5}, "gives as 'args' 5, of type int: that stands for a list or tuple of positional arguments"),
        ({"args": "text"}, "gives as 'args' 'text', of type str"),
        ({"kwargs": [1]}, r"gives as 'kwargs' \[1\], of type list: that stands for a dict of keyword arguments"),
        ({"kwargs": {1: 2}}, "the names of keyword arguments are str, got 1"),
        ({"kwargs": {"a": 2}, "a": 1}, "gives 'a' twice"),
    ],
)
def test_what_such_a_dict_must_hold(item: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=f"item 0.*{complaint}"):
        list(bind_items(every, [item])[1])


def test_items_of_different_shapes_are_all_checked() -> None:
    items = [{"args": [1], "kwargs": {"y": 2}}, {"args": [1, 2], "kwargs": {"y": 2}}]

    with pytest.raises(InvalidInputError, match="item 1"):
        list(bind_items(plain, items)[1])


def test_endless_items_are_stopped() -> None:
    assert MAX_ITEMS == 10_000_000
    with pytest.raises(InvalidInputError, match=r"map_iterdata, count\(.*more than 1000 items.*\[lithops\] max_items"):
        list(bind_items(abs, itertools.count(), max_items=1000)[1])


def test_as_many_items_as_allowed_are_taken() -> None:
    assert list(as_items(iter([1, 2, 3]), 3)) == [1, 2, 3]
    with pytest.raises(InvalidInputError, match="more than 2 items"):
        list(as_items(iter([1, 2, 3]), 2))
    with pytest.raises(InvalidInputError, match="more than 2 items"):
        list(bind_items(abs, [1, 2, 3], max_items=2)[1])


def numbers() -> Iterator[int]:
    yield 1
    yield 2


@pytest.mark.parametrize(
    "iterdata",
    [
        [1, 2],
        (1, 2),
        {1, 2},
        frozenset((1, 2)),
        range(1, 3),
        numbers(),
        iter([1, 2]),
        map(int, "12"),
        {1: 0, 2: 0}.keys(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_iterable_gives_items(iterdata: Any) -> None:
    assert sorted(bound(abs, iterdata)) == [((1,), {}), ((2,), {})]


@pytest.mark.parametrize("single", ["text", b"bytes", bytearray(b"bytes"), ""], ids=repr)
def test_text_and_bytes_are_one_item(single: Any) -> None:
    assert bound(len, single) == [((single,), {})]


def test_a_dict_is_one_item_of_keyword_arguments() -> None:
    assert bound(add, {"x": 1, "y": 2}) == [((), {"x": 1, "y": 2})]


def test_any_other_mapping_is_one_item_too() -> None:
    assert len(list(as_items(MappingProxyType({"x": 1})))) == 1


@pytest.mark.parametrize("empty", [[], (), set(), range(0), iter(())], ids=lambda value: type(value).__name__)
def test_nothing_gives_no_items(empty: Any) -> None:
    assert bound(abs, empty) == []


def test_numpy_arrays_are_iterated() -> None:
    import numpy as np

    assert bound(abs, np.array([1, 2])) == [((1,), {}), ((2,), {})]
    assert [args[0].tolist() for args, _ in bound(sum, np.array([[1, 2], [3, 4]]))] == [[1, 2], [3, 4]]


def test_a_dataframe_is_refused_with_what_to_do() -> None:
    import pandas as pd

    with pytest.raises(InvalidInputError, match=r"DataFrame.*to_dict\('records'\)"):
        bound(abs, pd.DataFrame({"x": [1]}))


@pytest.mark.parametrize("value", [5, None, object(), 1.5])
def test_what_is_no_iterable_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="must be an iterable"):
        bound(abs, value)


def test_an_error_of_the_users_generator_is_not_hidden() -> None:
    def breaks() -> Iterator[int]:
        yield 1
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        bound(abs, breaks())


@pytest.mark.parametrize("items", [[(1, 2)], [{"x": 1}], [[1], (1, 2)]], ids=str)
def test_items_that_become_an_argument_are_not_bound_at_once_unless_they_are_scalars_or_lists(items: list[Any]) -> None:
    _, found = bind_items(plain, items, {"y": 2}, argument="x")

    assert found.bind_plain(found.take(len(items))) is None
