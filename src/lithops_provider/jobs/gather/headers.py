"""
Reads the header of a part, which is an object in which a call stores outcomes. The header says everything of the items
but their results. Those are pickled, and processes such as Airflow's API server must not unpickle what a function has
returned.
"""

from __future__ import annotations

import json
import struct
from array import array
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.parts import DamagedPartError

#: Bytes to read first. The headers of most parts are shorter, so that one request is enough.
_FIRST_READ = 64 << 10
#: Bytes that a header can have. If the length says more, the object isn't a part.
_LONGEST_HEADER = 1 << 30
_LENGTH = struct.Struct("<Q")  # the length before each frame, see remote/frames.py
_COLUMNS = ("index", "started", "seconds", "peak_memory", "size")


@dataclass(frozen=True)
class Header:
    """
    The outcomes of a part, in columns with an entry for each item; ``failures`` and ``output`` are by the item's index.

    :param index: indices of the items
    :param started: when each began, in seconds since the epoch
    :param seconds: how long each took
    :param peak_memory: the most bytes of memory that its process had used by the item's end
    :param size: bytes of its result, 0 if it failed
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
    :raises DamagedPartError: it isn't what a part's header looks like
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
    :raises DamagedPartError: it is cut off
    """
    head = client.get_range(bucket, key, 0, _FIRST_READ - 1)
    if head is None:
        return None
    if len(head) < _LENGTH.size:
        raise DamagedPartError(f"{key} is too short for a part")
    (length,) = _LENGTH.unpack_from(head)
    end = _LENGTH.size + length
    if length > _LONGEST_HEADER:
        raise DamagedPartError(f"{key} does not begin as a part does")
    if end > len(head):
        rest = client.get_range(bucket, key, len(head), end - 1)
        if rest is None:
            return None
        head += rest
    if end > len(head):
        raise DamagedPartError(f"{key} ends within its header")
    if client.storage_backend == "localhost":  # all other storages write an object as a whole or not at all
        _check_end(client, bucket, key, head, end)
    return head[:end]


def _check_end(client: LithopsClient, bucket: str, key: str, head: bytes, start: int) -> None:
    """Checks that a part is as long as its header says, without reading the results."""
    try:
        header = json.loads(head[_LENGTH.size : start])
        failed = {int(index) for index in header["failures"]}
        sizes = [size for index, size in zip(header["index"], header["size"], strict=True) if index not in failed]
        end = start + sum(sizes) + _LENGTH.size * len(sizes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedPartError(f"the header of {key} is damaged: {error!r}") from error
    if end > len(head) and not client.get_range(bucket, key, end - 1, end - 1):
        raise DamagedPartError(f"{key} ends within its results")


def decode_header(data: bytes, items: int) -> Header:
    """
    Decodes the header of a part, and checks it, since it comes from the process of a user's function.

    :param data: the part's first frame
    :param items: how many items the job has
    :raises DamagedPartError: it isn't what a part's header looks like
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
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedPartError(f"the header of a part is damaged: {error!r}") from error
    if len({len(getattr(header, column)) for column in _COLUMNS}) != 1:
        raise DamagedPartError("the header of a part is damaged: its columns differ in length")
    if len(set(header.index)) != len(header.index):
        raise DamagedPartError("the header of a part is damaged: it tells of an item twice")
    if any(number < 0 or number >= items for number in header.index):
        raise DamagedPartError(f"the header of a part is damaged: it tells of items beyond the job's {items}")
    return header


def _no_constant(name: str) -> Any:
    raise ValueError(f"it has the number {name}")
