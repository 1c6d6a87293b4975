from __future__ import annotations

import decimal
import itertools
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import InvalidInputError, NotPortableError
from lithops_provider.jobs.remote.frames import NAMED, ONE, PICKLED, SEVERAL, load_block
from lithops_provider.jobs.submit.items import BLOCK_ITEMS, dump_items


def test_items_are_pickled_each_for_itself() -> None:
    shared = ["x" * 1000]
    binding, items = bind_items(len, [(shared,), (shared,)])

    (_, first), (_, second) = dump_items(binding, items)

    assert pickle.loads(first) == pickle.loads(second) == ((shared,), {}, None)


def test_lists_that_functions_may_change_stay_apart() -> None:
    binding, items = bind_items(len, [[1], [1], [2]])

    first, second, third = (args[0] for _, (args, _, _) in dump_items(binding, items))

    first.append(5)
    assert (second, third) == ([1], [2])


@pytest.mark.parametrize("shared", [[1], {"x": 1}], ids=str)
def test_what_items_share_stays_apart_within_other_arguments_too(shared: Any) -> None:
    binding, items = bind_items(lambda *args: None, [(shared, 1), ({}, 2), (shared, 3)])

    first, _, third = (pickle.loads(item)[0] for _, item in dump_items(binding, items))

    first[0].clear()
    assert third == (shared, 3)


class Key(str):
    """A key of a dict of keyword arguments that has to be imported."""


@pytest.mark.parametrize(
    ("items", "kinds"),
    [
        (range(40), [ONE, ONE]),
        (["a", 1, None, 2.5, b"x", True], [ONE]),
        ([(1, "a"), (2,), ()], [SEVERAL]),
        ([{"x": 1}, {"y": 2, "x": "a"}], [NAMED]),
        ([[1, 2], [3]], [ONE]),
        ([1, (2,)], [PICKLED]),
        ([[1, [2]]], [PICKLED]),
        ([{"x": [1]}], [NAMED]),
        ([{"x": [[1]]}], [PICKLED]),
        ([({"n": 1, "s": "a"}, 2, [3, None]), ({},)], [SEVERAL]),
        ([({1: (2,)},)], [PICKLED]),
        ([({Key("x"): 1},)], [PICKLED]),
        ([({"x": {1}},)], [PICKLED]),
        ([{Key("x"): 1}], [PICKLED]),
        ([{"args": [1, 2]}], [PICKLED]),
        ([decimal.Decimal(1)], [PICKLED]),
        ([*range(16), Key("a"), *range(40)], [ONE, PICKLED, ONE]),
    ],
    ids=str,
)
def test_only_plain_data_is_pickled_in_blocks(items: Any, kinds: list[int]) -> None:
    def function(*args: Any, x: Any = None, y: Any = None) -> None: ...

    blocks = dump_items(*bind_items(function, items))

    assert [load_block(block)[0] for block in blocks.blocks] == kinds
    assert [blocks.item(index) for index in range(len(blocks))] == [
        (*item, None) for item in bind_items(function, items)[1]
    ]


def test_what_does_not_fit_is_found_in_any_block() -> None:
    items = [*range(100), (1, 2), *range(100)]

    with pytest.raises(InvalidInputError, match=r"item 100, \(1, 2\), does not fit"):
        dump_items(*bind_items(lambda x: x, items))
    with pytest.raises(InvalidInputError, match=r"item 57, {'y': 1}, does not fit"):
        dump_items(*bind_items(lambda x: x, [*[{"x": 1}] * 57, {"y": 1}, *[{"x": 1}] * 9]))


def test_a_large_item_is_a_block_of_its_own() -> None:
    items = dump_items(*bind_items(len, ["x" * 300_000] * 20))

    assert [len(load_block(block)[1]) for block in items.blocks] == [1] * 20


def test_items_are_taken_as_they_come() -> None:
    """What a generator has given lies in memory as the bytes of its pickle, a few for each number."""
    most, alive = 0, 0

    class Counted(int):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def numbers() -> Iterator[int]:
        nonlocal most, alive
        for number in range(20_000):
            alive += 1
            most = max(most, alive)
            yield Counted(number)

    items = dump_items(*bind_items(lambda x: x, (number for number in numbers())))

    assert len(items) == 20_000
    assert most <= 2 * BLOCK_ITEMS + 1


@pytest.mark.parametrize(
    "content",
    [
        lambda number: [number],
        lambda number: {"x": number},
        lambda number: [number, [number]],
        lambda number: {"x": {"y": number}},
        lambda number: bytearray(str(number), "ascii"),
    ],
    ids=["list", "dict", "nested list", "nested dict", "bytearray"],
)
def test_an_object_that_a_generator_yields_again_has_the_content_of_each_time(content: Any) -> None:
    """Readers of files and cursors of databases fill the same object for each row."""

    def rows() -> Iterator[Any]:
        row = content(0)
        for number in range(40):
            row.clear()
            (row.update if named else row.extend)(content(number))
            yield row

    named = isinstance(content(0), dict)
    items = dump_items(*bind_items(lambda x: x, rows()))

    found = [items.item(index) for index in range(len(items))]
    expected = [content(number) for number in range(40)]
    assert found == [((), one, None) if named else ((one,), {}, None) for one in expected]


def test_an_endless_generator_is_stopped_at_the_limit() -> None:
    taken = itertools.count()

    with pytest.raises(InvalidInputError, match="more than 5000 items"):
        dump_items(*bind_items(lambda x: x, taken, max_items=5000))
    assert next(taken) == 5001


def test_an_item_that_cannot_be_pickled_is_named() -> None:
    binding, items = bind_items(abs, [1, 2, threading.Lock()])

    with pytest.raises(NotPortableError, match=r"item 2 can't be shipped: .*lock"):
        dump_items(binding, items)


def test_a_huge_item_that_cannot_be_pickled_is_not_shown_whole() -> None:
    binding, items = bind_items(abs, [["x" * 100_000, threading.Lock()]])

    with pytest.raises(NotPortableError) as caught:
        dump_items(binding, items)
    assert len(str(caught.value)) < 1000
