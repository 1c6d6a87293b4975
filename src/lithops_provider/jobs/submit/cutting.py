"""Gives each call of a round the blocks that hold its items, and no other item. send.py calls it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from lithops_provider.jobs.remote.frames import ItemBlocks, load_block, pack_block, packed_size
from lithops_provider.jobs.submit.items import BLOCK_BYTES, BLOCK_ITEMS


class CutBlocks:
    """
    The blocks with the items of a call. Those that are blocks of the job are read only during the iteration.

    :param whole: the blocks of the job
    """

    def __init__(self, whole: Sequence[bytes | memoryview]) -> None:
        self._whole = whole
        self._pieces: list[int | bytes] = []
        #: How many bytes the blocks take in their frames.
        self.size = 0

    def take(self, number: int) -> None:
        """Adds a block of the job."""
        self._pieces.append(number)
        self.size += packed_size(self._whole[number])

    def add(self, block: bytes) -> None:
        """Adds a block that was made for this call."""
        self._pieces.append(block)
        self.size += packed_size(block)

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(self._whole[piece]) if isinstance(piece, int) else piece for piece in self._pieces)


def cut_items(items: ItemBlocks, calls: Sequence[Sequence[int]]) -> list[CutBlocks]:
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

    def cut(self, indices: Sequence[int]) -> CutBlocks:
        """Returns blocks that hold some items of the job and no others."""
        blocks = CutBlocks(self._items.blocks)
        kind, pieces, size = 0, [], 0  # type: int, list[Any], int
        for number, first, last in self._pieces(indices):
            start = self._items.ends[number - 1] if number else 0
            count = self._items.ends[number] - start
            whole = last - first == count
            if pieces and (whole or self._load(number)[0] != kind or len(pieces) >= BLOCK_ITEMS or size > BLOCK_BYTES):
                blocks.add(pack_block(kind, pieces))
                pieces, size = [], 0
            if whole:
                blocks.take(number)
                continue
            kind, values = self._load(number)
            pieces += values[first - start : last - start]
            size += len(self._items.blocks[number]) * (last - first) // count
        if pieces:
            blocks.add(pack_block(kind, pieces))
        return blocks

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
