"""
Frames: byte strings one after another, each behind its length. The format of all objects of a job. In the frames of
items there are blocks: each holds some hundreds of items, so that what writing and reading cost is paid per block.
"""

from __future__ import annotations

import pickle
import struct
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .class_pickles import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LENGTH = "<Q"  # not a Struct: that can't be pickled, and this module travels by value
_LENGTH_SIZE = struct.calcsize(_LENGTH)

#: What the items of a block are: one positional argument each; a tuple of them; a dict of keyword arguments; or
#: arguments that were pickled item by item, as everything is whose unpickling could fail or run code.
ONE, SEVERAL, NAMED, PICKLED = range(4)
#: Before the pickle of a block: the version of this format, and how many items there are. Before version 1, each frame
#: was the pickle of one item, which begins with the byte 128.
_HEAD = "<BI"
_HEAD_SIZE = struct.calcsize(_HEAD)
_VERSION = 1
_LONE_PICKLE = 128

_NOTHING: dict[str, Any] = {}

#: Positional arguments, keyword arguments, and what is to be filled in.
Arguments = tuple[tuple[Any, ...], dict[str, Any], dict[str, Any] | None]


def pack(blobs: Iterable[bytes]) -> bytes:
    """
    Joins byte strings to one.

    :param blobs: the byte strings, in order
    """
    chunks: list[bytes] = []
    for blob in blobs:
        chunks.append(struct.pack(_LENGTH, len(blob)))
        chunks.append(blob)
    return b"".join(chunks)


def packed_size(blob: bytes) -> int:
    """Returns how many bytes ``blob`` takes in its frame."""
    return _LENGTH_SIZE + len(blob)


def first_end(head: bytes) -> int:
    """
    Returns where the first frame ends, which may be behind what there is; 0 if its length isn't there.

    :param head: the first bytes of what `pack` returned
    """
    return _LENGTH_SIZE + int(struct.unpack_from(_LENGTH, head)[0]) if len(head) >= _LENGTH_SIZE else 0


def unpack(data: bytes | memoryview) -> Iterator[memoryview]:
    """
    Yields the byte strings that `pack` joined, without copying them.

    :param data: what `pack` returned
    :raises ValueError: the data ends inside a frame
    """
    view = memoryview(data)
    for start, end in spans(view):
        yield view[start:end]


def spans(data: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """
    Yields where each of the byte strings that `pack` joined begins and ends.

    :param data: what `pack` returned
    :raises ValueError: the data ends inside a frame
    """
    size = len(data)
    end = 0
    while end < size:
        start = end + _LENGTH_SIZE
        if start > size:
            raise ValueError(f"the data ends inside a frame, at byte {end}")
        (length,) = struct.unpack_from(_LENGTH, data, end)
        end = start + length
        if end > size:
            raise ValueError(f"the data ends inside a frame of {length} bytes, at byte {start}")
        yield start, end


def pack_block(kind: int, values: Sequence[Any]) -> bytes:
    """
    Returns a block of items.

    :param kind: one of `ONE`, `SEVERAL`, `NAMED`, `PICKLED`
    :param values: what there is of each item
    """
    return struct.pack(_HEAD, _VERSION, len(values)) + pickle.dumps((kind, values), protocol=pickle.HIGHEST_PROTOCOL)


def load_block(block: bytes | memoryview) -> tuple[int, Sequence[Any]]:
    """
    Returns the kind of a block, and what there is of each item.

    :param block: what `pack_block` returned, in a process that may unpickle it
    """
    if block[0] == _LONE_PICKLE:
        return PICKLED, [bytes(block)]
    kind, values = pickle.loads(memoryview(block)[_HEAD_SIZE:])
    return kind, values


def _count(block: bytes | memoryview) -> int:
    """
    Returns how many items a block has.

    :raises ValueError: it is no block, or one of a later release
    """
    if len(block) and block[0] == _LONE_PICKLE:
        return 1
    if len(block) < _HEAD_SIZE or block[0] != _VERSION:
        raise ValueError("the items are damaged, or were written by a later release of airflow-provider-lithops")
    return int(struct.unpack_from(_HEAD, block)[1])


class ItemBlocks:
    """
    Items in blocks, which are unpickled one by one as the items are gone over.

    An item is positional arguments, keyword arguments and what is to be filled in, as a tuple; or, if unpickling it
    may fail, the pickle of that tuple as bytes.

    :param blocks: from `pack_block`
    :param indices: the index of each item in its job; the numbers from 0 on if None
    :raises ValueError: the blocks are damaged, or don't have as many items as there are indices
    """

    def __init__(self, blocks: Iterable[bytes | memoryview] = (), indices: Sequence[int] | None = None) -> None:
        self.blocks = list(blocks)
        #: How many items there are up to the end of each block.
        self.ends = list(accumulate(map(_count, self.blocks)))
        count = self.ends[-1] if self.ends else 0
        self.indices: Sequence[int] = range(count) if indices is None else indices
        if len(self.indices) != count:
            raise ValueError(f"there are {count} items where {len(self.indices)} should be")
        self._skipped = 0
        #: The block that was unpickled last for `item`: its number, kind and values.
        self._last: tuple[int, int, Sequence[Any]] = (-1, PICKLED, ())

    def __len__(self) -> int:
        return len(self.indices)

    def after(self, count: int) -> ItemBlocks:
        """Returns the items without the first ``count``."""
        rest = ItemBlocks.__new__(ItemBlocks)
        rest.blocks, rest.ends = self.blocks, self.ends
        rest._last = self._last
        rest.indices, rest._skipped = self.indices[count:], self._skipped + count
        return rest

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yields the index of each item, and the item."""
        first = bisect_right(self.ends, self._skipped)
        skipped = self._skipped - (self.ends[first - 1] if first else 0)
        return zip(self.indices, self._items(first, skipped), strict=True)

    def _items(self, first: int, skipped: int) -> Iterator[Any]:
        for block in self.blocks[first:]:
            kind, values = load_block(block)
            yield from unfold(kind, values[skipped:] if skipped else values)
            skipped = 0

    def item(self, index: int) -> Arguments:
        """
        Returns an item of a whole job, unpickled. Those of a block are found the faster for being asked for in a row.

        :param index: of the item
        """
        block = bisect_right(self.ends, index)
        if block != self._last[0]:
            self._last = (block, *load_block(self.blocks[block]))
        _, kind, values = self._last
        place = index - (self.ends[block - 1] if block else 0)
        found: Arguments = load(values[place]) if kind == PICKLED else next(unfold(kind, [values[place]]))
        return found


def unfold(kind: int, values: Sequence[Any]) -> Iterator[Any]:
    """
    Returns the items of a block, see `ItemBlocks`.

    :param kind: from `load_block`
    :param values: from the same
    """
    if kind == ONE:
        return (((value,), _NOTHING, None) for value in values)
    if kind == SEVERAL:
        return ((value, _NOTHING, None) for value in values)
    if kind == NAMED:
        return (((), value, None) for value in values)
    return iter(values)
