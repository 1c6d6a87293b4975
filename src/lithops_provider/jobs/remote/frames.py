"""
Frames: byte strings one after another, each after its length. All objects of a job have this format. The frames of
items hold blocks of some hundreds of items, so that reading and writing cost little per item. Senders write frames, and
functions and whoever gathers outcomes read them.
"""

from __future__ import annotations

import pickle
import struct
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from .class_pickles import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias, TypedDict

    class CallItems(TypedDict):
        """Which items a call has."""

        call_id: str
        indices: Sequence[int]
        #: Numbers of the first and the last byte of the items in the items' object.
        span: tuple[int, int]

    class ObjectChunk(TypedDict, total=False):
        """A chunk of an object, which becomes an ``obj``."""

        backend: str
        #: Bucket and key, or a path of the machine, or a URL.
        bucket: str
        key: str
        path: str
        url: str
        #: Bytes of the object.
        size: int
        #: For the cache: changes when the object is written anew.
        version: str | None
        #: Whether the object can only be read as a whole. Not sent.
        whole: bool
        #: Where the chunk begins and ends in the object; its number, from 1; and how many chunks there are.
        start: int
        end: int
        part: int
        total_parts: int
        #: The text that ends lines; None if chunks aren't cut at line ends.
        newline: str | None

    class Reference(TypedDict, total=False):
        """Results of another job."""

        bucket: str
        #: Which job.
        executor_id: str
        job_ids: list[str]
        #: Only the results from one item to another; and for each job id the numbers of the calls that have these, or
        #: None if that isn't known.
        first: int
        last: int
        calls: list[list[int] | None]
        #: Whether each result is to come with its item's index.
        indexed: bool
        #: In the place of all these: keys of parts, and where in each the results begin and end.
        spans: list[tuple[str, list[tuple[int, int]]]]

    class PairsPlace(TypedDict, total=False):
        """Where pairs lie that a shuffle or a reduce by key reads."""

        bucket: str
        #: Prefix of a round of the map, whose modules the pairs may need.
        modules: str
        #: For a shuffle: where the map's results are, under which prefix to store pairs, and in how many ranges.
        spans: list[tuple[str, list[tuple[int, int]]]]
        prefix: str
        partitions: int
        #: For a reduce: keys of objects, and where in each its pairs begin and end.
        segments: list[tuple[str, int, int]]

    class Special(TypedDict, total=False):
        """What is to be filled in among an item's arguments where the function runs."""

        #: A parameter, and the chunk for it.
        object: tuple[str, ObjectChunk]
        #: Positions or parameters; for each the results, and whether it gets the only one or the list of them.
        results: list[tuple[int | str, list[Reference], bool]]
        #: One result that becomes the item: a parameter or None, the item's index, bucket, key, the bytes to read at
        #: once, and those of the result.
        result: tuple[Any, ...]
        #: Why there is no such result.
        failed: str
        stored: PairsPlace


_LENGTH = "<Q"  # not a Struct: that can't be pickled, and this module is pickled by value
_LENGTH_SIZE = struct.calcsize(_LENGTH)

#: The kinds of blocks. Each item is one positional argument; a tuple of positional arguments; a dict of keyword
#: arguments; or the pickle of its arguments, which is used wherever unpickling could fail or run code.
ONE, SEVERAL, NAMED, PICKLED = range(4)
#: Stands before the pickle of a block: the version of this format, and how many items there are. Before version 1, each
#: frame was the pickle of one item, which begins with the byte 128.
_HEAD = "<BI"
_HEAD_SIZE = struct.calcsize(_HEAD)
_VERSION = 1
_LONE_PICKLE = 128

_NOTHING: dict[str, Any] = {}

#: Positional arguments, keyword arguments, and what is to be filled in among them.
Arguments: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any], Special | None]"


def pack(blobs: Iterable[bytes]) -> bytes:
    """
    Joins byte strings into one.

    :param blobs: the byte strings, in order
    """
    return b"".join(framed(blobs))


def framed(blobs: Iterable[bytes]) -> Iterator[bytes]:
    """
    Yields the pieces of what `pack` returns.

    :param blobs: the byte strings, in order
    """
    for blob in blobs:
        yield struct.pack(_LENGTH, len(blob))
        yield blob


def packed_size(blob: bytes | memoryview) -> int:
    """Returns how many bytes ``blob`` takes in its frame."""
    return _LENGTH_SIZE + len(blob)


def first_end(head: bytes) -> int:
    """
    Returns where the first frame ends, which may be beyond the given bytes; 0 if these don't have its length.

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
    :param values: for each item the value that its kind needs
    """
    return struct.pack(_HEAD, _VERSION, len(values)) + pickle.dumps((kind, values), protocol=pickle.HIGHEST_PROTOCOL)


def load_block(block: bytes | memoryview) -> tuple[int, Sequence[Any]]:
    """
    Returns the kind and the values of a block. It unpickles the block.

    :param block: what `pack_block` returned
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
    Items in blocks, which are unpickled block by block during the iteration.

    An item is a tuple of positional arguments, keyword arguments and what is to be filled in; or, if unpickling it may
    fail, the pickle of that tuple as bytes.

    :param blocks: from `pack_block`
    :param indices: the index of each item in its job; the numbers from 0 on if None
    :param keep: takes the blocks while they are made, and returns the sequence of them
    :raises ValueError: the blocks are damaged, or don't have as many items as there are indices
    """

    def __init__(
        self,
        blocks: Iterable[bytes | memoryview] = (),
        indices: Sequence[int] | None = None,
        keep: Callable[[Iterable[Any]], Sequence[bytes | memoryview]] = list,
    ) -> None:
        #: How many items there are up to the end of each block.
        self.ends: list[int] = []
        self.blocks = keep(self._counted(blocks))
        count = self.ends[-1] if self.ends else 0
        self.indices: Sequence[int] = range(count) if indices is None else indices
        if len(self.indices) != count:
            raise ValueError(f"there are {count} items where {len(self.indices)} should be")
        self._skipped = 0
        #: The block that was unpickled last for `item`: its number, kind and values.
        self._last: tuple[int, int, Sequence[Any]] = (-1, PICKLED, ())

    def _counted(self, blocks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        count = 0
        for block in blocks:
            count += _count(block)
            self.ends.append(count)
            yield block

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
        for number in range(first, len(self.blocks)):
            kind, values = load_block(self.blocks[number])
            yield from unfold(kind, values[skipped:] if skipped else values)
            skipped = 0

    def item(self, index: int) -> Arguments:
        """
        Returns an item of a whole job, unpickled. The block that was read last is kept, so asking for the items of a
        block one after another is fast.

        :param index: the item's index
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

    :param kind: the block's kind, from `load_block`
    :param values: the block's values, from `load_block`
    """
    if kind == ONE:
        return (((value,), _NOTHING, None) for value in values)
    if kind == SEVERAL:
        return ((value, _NOTHING, None) for value in values)
    if kind == NAMED:
        return (((), value, None) for value in values)
    return iter(values)
