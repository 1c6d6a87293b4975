"""Frames: byte strings one after another, each behind its length. The format of all objects of a job."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LENGTH = "<Q"  # not a Struct: that can't be pickled, and this module travels by value
_LENGTH_SIZE = struct.calcsize(_LENGTH)


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
