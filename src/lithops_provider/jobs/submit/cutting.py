"""Gives each call of a round the blocks that hold its items, and no other item. send.py calls it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from lithops_provider.jobs.remote.frames import ItemBlocks, load_block, pack_block
from lithops_provider.jobs.submit.items import BLOCK_BYTES, BLOCK_ITEMS


def cut_items(items: ItemBlocks, calls: Sequence[Sequence[int]]) -> list[list[bytes]]:
    """
    Returns the blocks of each call. A block whose items all go to one call is taken as it is.

    :param items: all items of a job
    :param calls: the indices of each call's items, in ascending order
    """
    cutter = _Cutter(items)
    return [cutter.cut(indices) for indices in calls]


class _Cutter:
    """Cuts pieces out of blocks. It keeps the last block, since the next piece is most often out of the same one."""

    def __init__(self, items: ItemBlocks) -> None:
        self._items = items
        self._number = -1
        self._loaded: tuple[int, Sequence[Any]] = (0, ())

    def cut(self, indices: Sequence[int]) -> list[bytes]:
        """Returns blocks that hold some items of the job and no others."""
        blocks: list[bytes] = []
        kind, pieces, size = 0, [], 0  # type: int, list[Any], int
        for number, first, last in self._pieces(indices):
            block = self._items.blocks[number]
            start = self._items.ends[number - 1] if number else 0
            count = self._items.ends[number] - start
            whole = last - first == count
            if pieces and (whole or self._load(number)[0] != kind or len(pieces) >= BLOCK_ITEMS or size > BLOCK_BYTES):
                blocks.append(pack_block(kind, pieces))
                pieces, size = [], 0
            if whole:
                blocks.append(bytes(block))
                continue
            kind, values = self._load(number)
            pieces += values[first - start : last - start]
            size += len(block) * (last - first) // count
        return [*blocks, pack_block(kind, pieces)] if pieces else blocks

    def _pieces(self, indices: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Yields the number of each block that is needed, the first item wanted of it, and the one after the last."""
        for first, last in _runs(indices):
            while first < last:
                number = bisect_right(self._items.ends, first)
                end = min(last, self._items.ends[number])
                yield number, first, end
                first = end

    def _load(self, number: int) -> tuple[int, Sequence[Any]]:
        if number != self._number:
            self._number, self._loaded = number, load_block(self._items.blocks[number])
        return self._loaded


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields, for each run of consecutive indices, the first and the one after the last."""
    if isinstance(indices, range):
        yield indices.start, indices.stop
        return
    start = 0
    for place in range(1, len(indices) + 1):
        if place == len(indices) or indices[place] != indices[place - 1] + 1:
            yield indices[start], indices[place - 1] + 1
            start = place
