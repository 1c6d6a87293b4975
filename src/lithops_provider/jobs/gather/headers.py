"""
Reads what parts tell of their items without the results, which are pickled: in processes that must not run what a
function has returned, such as Airflow's API server.
"""

from __future__ import annotations

import json
import struct
from array import array
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.client import LithopsClient

#: Bytes that are read at first: the headers of most parts are shorter.
_FIRST_READ = 64 << 10
_LENGTH = struct.Struct("<Q")  # that of a frame, see remote/frames.py
_COLUMNS = ("index", "started", "seconds", "peak_memory", "size")


@dataclass(frozen=True)
class Header:
    """
    The outcomes of a part, in columns; ``failures`` and ``output`` are by index of the item.

    :param index: the items
    :param started: seconds since the epoch
    :param seconds: how long each took
    :param peak_memory: most bytes that its process had by the item's end
    :param size: bytes of each one's result, 0 if it failed
    :param results_start: where in the part the frames of the results begin
    :param failures: ``type``, ``message`` and ``traceback`` of each item that failed
    :param output: what items printed
    :param written: bucket and prefix of each place where items have written objects
    """

    index: array[int]
    started: array[float]
    seconds: array[float]
    peak_memory: array[int]
    size: array[int]
    results_start: int
    failures: dict[int, dict[str, Any]]
    output: dict[int, str]
    written: frozenset[tuple[str, str]] = frozenset()


def read_header(client: LithopsClient, bucket: str, key: str, items: int) -> Header | None:
    """
    Reads the header of a part.

    :param client: where it is
    :param bucket: its bucket
    :param key: its key
    :param items: how many items the job has
    :returns: None if the part is gone: its call has written another
    :raises ValueError: it isn't what a part's header looks like
    """
    frame = read_header_frame(client, bucket, key)
    return None if frame is None else decode_header(frame[_LENGTH.size :], items)


def read_header_frame(client: LithopsClient, bucket: str, key: str) -> bytes | None:
    """
    Reads the first frame of a part: its length, and the header as JSON.

    :param client: where it is
    :param bucket: its bucket
    :param key: its key
    :returns: None if the part is gone: its call has written another
    :raises ValueError: it is cut off
    """
    head = client.get_range(bucket, key, 0, _FIRST_READ - 1)
    if head is None:
        return None
    if len(head) < _LENGTH.size:
        raise ValueError(f"{key} is too short for a part")
    (length,) = _LENGTH.unpack_from(head)
    end = _LENGTH.size + length
    if end > len(head):
        rest = client.get_range(bucket, key, len(head), end - 1)
        if rest is None:
            return None
        head += rest
    if end > len(head):
        raise ValueError(f"{key} ends within its header")
    return head[:end]


def decode_header(data: bytes, items: int) -> Header:
    """
    Decodes the header of a part. What it says comes from a function's process, and is checked.

    :param data: the part's first frame
    :param items: how many items the job has
    :raises ValueError: it isn't what a part's header looks like
    """
    try:
        found = json.loads(data, parse_constant=_no_constant)
        index, started, seconds, peak_memory, size = (found[name] for name in _COLUMNS)
        header = Header(
            array("q", index),
            array("d", started),
            array("d", seconds),
            array("q", peak_memory),
            array("q", size),
            _LENGTH.size + len(data),
            {int(number): dict(failure) for number, failure in found["failures"].items()},
            {int(number): str(text) for number, text in found["output"].items()},
            frozenset((str(bucket), str(prefix)) for bucket, prefix in found.get("written", [])),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"the header of a part is damaged: {error!r}") from error
    if len({len(getattr(header, column)) for column in _COLUMNS}) != 1:
        raise ValueError("the header of a part is damaged: its columns differ in length")
    if len(set(header.index)) != len(header.index):
        raise ValueError("the header of a part is damaged: it tells of an item twice")
    if any(number < 0 or number >= items for number in header.index):
        raise ValueError(f"the header of a part is damaged: it tells of items that the job's {items} aren't among")
    return header


def _no_constant(name: str) -> Any:
    raise ValueError(f"the header of a part is damaged: it has the number {name}")
