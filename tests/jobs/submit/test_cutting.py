from __future__ import annotations

import pickle
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items, chunked
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.frames import ItemBlocks
from lithops_provider.jobs.submit.cutting import cut_items
from lithops_provider.jobs.submit.items import BLOCK_ITEMS, dump_items

#: Numbers, tuples and sets: blocks of each kind, and some of a single item.
GIVEN: list[Any] = [*range(700), *[(1, 2)] * 20, *[{number} for number in range(600)], "x" * 300_000, *range(5)]


def items_of(given: Sequence[Any]) -> ItemBlocks:
    return dump_items(*bind_items(lambda *args: None, given))


def taken(blocks: Iterable[bytes], indices: Sequence[int]) -> dict[int, Any]:
    """Returns the items by index as a call gets them out of storage."""
    arrived = ItemBlocks(frames.unpack(frames.pack(blocks)), indices)
    return {index: pickle.loads(item) if isinstance(item, bytes) else item for index, item in arrived}


def arguments(index: int) -> Any:
    value = GIVEN[index]
    return (value if isinstance(value, tuple) else (value,), {}, None)


@pytest.mark.parametrize("calls", [1, 2, 7, 100, len(GIVEN)])
def test_each_call_gets_its_items_and_no_others(calls: int) -> None:
    plan = chunked(range(len(GIVEN)), calls)

    for indices, blocks in zip(plan, cut_items(items_of(GIVEN), plan), strict=True):
        assert taken(blocks, indices) == {index: arguments(index) for index in indices}
        assert blocks.size == len(frames.pack(blocks))


def test_items_that_are_sent_again_may_be_any() -> None:
    plan = [sorted(random.Random(seed).sample(range(len(GIVEN)), 200)) for seed in range(5)]

    cut = cut_items(items_of(GIVEN), plan)

    for indices, blocks in zip(plan, cut, strict=True):
        assert taken(blocks, indices) == {index: arguments(index) for index in indices}
        assert len(list(blocks)) < 20  # not one for each item


def test_whole_blocks_are_taken_as_they_are() -> None:
    items = items_of(range(100 * BLOCK_ITEMS))

    (blocks,) = cut_items(items, [range(len(items))])

    assert list(blocks) == list(items.blocks)


def test_items_after_the_first_few_keep_their_indices() -> None:
    items = ItemBlocks(items_of(GIVEN).blocks, [10 * index for index in range(len(GIVEN))])

    for skipped in (0, 1, 16, 17, 700, 1200, len(GIVEN) - 1, len(GIVEN)):
        rest = list(items.after(skipped).after(0))
        assert [index for index, _ in rest] == [10 * index for index in range(skipped, len(GIVEN))]
        assert skipped >= 700 or rest[0][1] == arguments(skipped)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([b""], "damaged"),
        ([b"\x07rest"], "damaged"),
        ([b"\x02\x01\0\0\0rest"], "later release"),
        ([frames.pack_block(frames.ONE, [1, 2])], "2 items where 1 should be"),
    ],
)
def test_what_is_no_block_of_as_many_items_is_refused(blocks: list[bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemBlocks(blocks, range(1))


def test_items_of_the_release_before_are_read() -> None:
    lone = [pickle.dumps(((number,), {}, None)) for number in range(3)]

    assert [ItemBlocks(lone).item(index) for index in range(3)] == [((number,), {}, None) for number in range(3)]
    assert taken(cut_items(ItemBlocks(lone), [[0, 2]])[0], [0, 2]) == {0: ((0,), {}, None), 2: ((2,), {}, None)}
