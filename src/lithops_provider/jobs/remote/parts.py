"""
A part: the outcomes of some items of one call, as one object in storage.

Its key has the counts, so one LIST of a job's prefix tells how far the job is. It begins with its head, which has all
about its items but their results. Processes that must not unpickle anything, such as the API server, read the head
alone. The pickled results follow, one after another. batch.py writes parts: it rewrites its last part as the call goes
on, and starts another when that one is big.

The head is a frame (see frames.py): a byte for the version of this format, the length of a text, the text, which is
JSON, and columns of binary numbers with an entry for each item. The previous release wrote all of the head as JSON, and
each result in a frame: such parts are read, too.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import zlib
from array import array
from dataclasses import dataclass
from itertools import accumulate, groupby, repeat
from operator import sub
from typing import TYPE_CHECKING, Any, NamedTuple

from . import frames
from .keys import PART_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .output import ItemFailure
    from .reports import Block

#: The version of the format. A change of the meaning of a part's bytes has to raise it.
_VERSION = 2
#: The first byte of a head that the previous release wrote, which was JSON.
_PREVIOUS = ord("{")
#: Stands before the text: the version, and the text's length.
_PREFIX = "<BQ"
_PREFIX_SIZE = struct.calcsize(_PREFIX)
#: Types of the columns: when each item started, how long it took, and the size of its result; the second type of sizes
#: is for parts with a result that the first can't count.
_STARTED, _SECONDS, _SIZES = "d", "f", ("I", "Q")
#: What an item adds to the size of a part beside its result. In storage it takes 16 bytes, but three times that in the
#: memory of whoever reads the head, which is kept small by beginning another part earlier.
_ROW_SIZE = 48


class PartName(NamedTuple):
    """What the key of a part says. Counts are cumulative for the call."""

    first: int
    done: int
    failed: int


def part_key(call_prefix: str, name: PartName) -> str:
    """Returns the key of a part of the call whose objects lie under ``call_prefix``."""
    return f"{call_prefix}/{name.first:08d}-{name.done:08d}-{name.failed:08d}{PART_SUFFIX}"


def parse_part_name(file_name: str) -> PartName | None:
    """
    Reads the counts from the last component of a key.

    :param file_name: for instance ``00000000-00000120-00000003.part``
    :returns: None when it isn't a part's name
    """
    if not file_name.endswith(PART_SUFFIX):
        return None
    numbers = file_name[: -len(PART_SUFFIX)].split("-")
    if len(numbers) != 3 or not all(number.isdecimal() and len(number) < 19 for number in numbers):
        return None
    return PartName(*(int(number) for number in numbers))


#: What reading the head of a part raises if the head is damaged; RecursionError if its JSON is nested very deeply.
_DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    StopIteration,
    IndexError,
    RecursionError,
)


class DamagedPartError(ValueError):
    """An object isn't a whole part: it was cut off, or never was one. What it would have held counts as missing."""


@dataclass(frozen=True)
class Header:
    """
    The head of a part: the outcomes of its items without the results, in columns with an entry for each item;
    ``failures`` and ``output`` are by the item's index.

    :param index: indices of the items
    :param started: when each began, in seconds since the epoch
    :param seconds: how long each took
    :param peak_memory: the most bytes of memory that its process had used by the item's end
    :param size: bytes of its result, 0 if it failed
    :param results_start: where in the part the results begin
    :param failures: why each item that failed did so
    :param output: what items printed
    :param written: bucket and prefix of each place where items have written objects
    :param crc: checksum of the results; None if the part has none
    :param gap: bytes before each result
    """

    index: Sequence[int]
    started: array[float]
    seconds: array[float]
    peak_memory: array[int]
    size: array[int]
    results_start: int
    failures: dict[int, ItemFailure]
    output: dict[int, str]
    written: frozenset[tuple[str, str]] = frozenset()
    crc: int | None = None
    gap: int = 0

    def ends(self) -> array[int]:
        """Returns where in the part the result of each item ends."""
        if not self.gap:
            return array("q", accumulate(self.size, initial=self.results_start))[1:]
        taken = (0 if index in self.failures else self.gap + size for index, size in self.results())
        return array("q", accumulate(taken, initial=self.results_start))[1:]

    def results(self) -> Iterator[tuple[int, int]]:
        """Yields each item, with the size of its result."""
        return zip(self.index, self.size, strict=True)

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """Yields each item that succeeded, and where in the part its result begins and ends."""
        ends = self.ends()
        rows = zip(self.index, map(sub, ends, self.size), ends, strict=True)
        return (row for row in rows if row[0] not in self.failures) if self.failures else rows

    def end(self) -> int:
        """Returns how many bytes the whole part has."""
        return self.results_start + sum(self.size) + self.gap * (len(self.size) - len(self.failures))


def decode_header(data: bytes | memoryview) -> Header:
    """
    Decodes the head of a part, and checks it, since it comes from the process of a user's function.

    :param data: the part, with or without its results
    :raises DamagedPartError: its head is damaged, or it is no part
    """
    try:
        view = memoryview(data)
        start, end = next(frames.spans(view[: frames.first_end(bytes(view[:8]))]))
        header = (_decode_previous if view[start] == _PREVIOUS else _decode)(view[start:end], end)
        _check(header)
    except _DAMAGED as error:
        raise DamagedPartError(f"the header of a part is damaged: {error!r}") from error
    return header


def _decode(head: memoryview, end: int) -> Header:
    version, length = struct.unpack_from(_PREFIX, head) if len(head) >= _PREFIX_SIZE else (0, 0)
    if version != _VERSION:
        raise ValueError(f"it is of version {version}, which this release of airflow-provider-lithops can't read")
    found = json.loads(bytes(head[_PREFIX_SIZE : _PREFIX_SIZE + length]), parse_constant=_no_constant)
    columns = head[_PREFIX_SIZE + length :]
    rows, sizes = found["rows"], found["sizes"]
    if sizes not in _SIZES or type(rows) is not int or rows < 0:
        raise ValueError("its columns are of unknown types")
    started, columns = _cut_column(columns, _STARTED, rows)
    seconds, columns = _cut_column(columns, _SECONDS, rows)
    size, columns = _cut_column(columns, sizes, rows)
    if columns:
        raise ValueError("it is longer than its columns")
    lengths = [[count for _, count in found[column]] for column in ("index", "peak_memory")]
    if any(sum(counts) != rows or min(counts, default=1) < 1 for counts in lengths):
        raise ValueError("its columns differ in length")
    ranges = [range(first, first + count) for first, count in found["index"]]
    index: Sequence[int] = ranges[0] if len(ranges) == 1 else array("q", (index for run in ranges for index in run))
    peak_memory = array("q")
    for peak, count in found["peak_memory"]:
        peak_memory.extend(array("q", [peak]) * count)
    return Header(index, started, seconds, peak_memory, size, end, *_texts(found), found["crc"])


def _decode_previous(head: memoryview, end: int) -> Header:
    found = json.loads(bytes(head), parse_constant=_no_constant)
    index, peak_memory, size = (array("q", found[name]) for name in ("index", "peak_memory", "size"))
    started, seconds = (array("d", found[name]) for name in ("started", "seconds"))
    texts = _texts(found)
    return Header(
        index, started, seconds, peak_memory, size, end, *texts, found.get("crc"), gap=frames.packed_size(b"")
    )


def _texts(found: dict[str, Any]) -> tuple[dict[int, ItemFailure], dict[int, str], frozenset[tuple[str, str]]]:
    failures: dict[int, Any] = {int(number): dict(failure) for number, failure in found["failures"].items()}
    return (
        failures,
        {int(number): str(text) for number, text in found["output"].items()},
        frozenset((str(bucket), str(prefix)) for bucket, prefix in found.get("written", [])),
    )


def _check(header: Header) -> None:
    rows = len(header.index)
    columns = header.started, header.seconds, header.peak_memory, header.size
    if any(len(column) != rows for column in columns):
        raise ValueError("its columns differ in length")
    if not isinstance(header.index, range) and len(set(header.index)) != rows:
        raise ValueError("it tells of an item twice")
    if not math.isfinite(sum(header.started) + sum(header.seconds)):
        raise ValueError("it has times that are no numbers")
    if header.gap and any(size < 0 for size in header.size):
        raise ValueError("it has results of less than no bytes")
    if header.failures and any(size for index, size in header.results() if index in header.failures):
        raise ValueError("it has results of items that failed")


def _no_constant(name: str) -> Any:
    raise ValueError(f"it has the number {name}")


def _cut_column(data: memoryview, kind: str, rows: int) -> tuple[array[Any], memoryview]:
    """Returns a column, and the bytes after it."""
    size = rows * struct.calcsize(kind)
    if len(data) < size:
        raise ValueError("it is shorter than its columns")
    numbers: array[Any] = array(kind)
    numbers.frombytes(data[:size])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers, data[size:]


class PartBuilder:
    """The outcomes of a part while it grows."""

    def __init__(self) -> None:
        #: Runs of items with consecutive indices: the first index, and how many items.
        self._index: list[list[int]] = []
        #: Runs of items with the same peak memory: that, and how many items.
        self._peak_memory: list[list[int]] = []
        self._started: array[float] = array(_STARTED)
        self._seconds: array[float] = array(_SECONDS)
        self._sizes: array[int] = array(_SIZES[0])
        self._failures: dict[int, ItemFailure] = {}
        self._output: dict[int, str] = {}
        self._written: list[list[str]] = []
        self._results: list[bytes] = []
        self._crc = 0
        #: About how many bytes the part has; more if it has many small results, see `_ROW_SIZE`.
        self.size = 0

    def add_success(self, index: int, started: float, seconds: float, peak_memory: int, result: bytes) -> None:
        """Adds the pickled result of an item."""
        self._add(index, started, seconds, peak_memory, result)

    def add_block(self, indices: Sequence[int], block: Block, epoch: float) -> None:
        """
        Adds items that succeeded one after another.

        :param indices: the indices of the items
        :param block: their outcomes
        :param epoch: what `time.time` was when `time.monotonic` was 0
        """
        for first, count in [(indices[0], len(indices))] if isinstance(indices, range) else zip(indices, repeat(1)):
            _add_run(self._index, first, count, follows=True)
        for peak, group in groupby(block.peak_memory):
            _add_run(self._peak_memory, peak, len(list(group)))
        self._started.extend(map(epoch.__add__, block.started))
        self._seconds.extend(iter(block.seconds))
        self._add_sizes(block.sizes)
        self._add_results(block.results)

    def add_failure(self, index: int, started: float, seconds: float, peak_memory: int, failure: ItemFailure) -> None:
        """Adds why an item failed."""
        self._add(index, started, seconds, peak_memory, b"")
        self._failures[index] = failure
        self.size += sum(len(str(text)) for text in failure.values())

    def add_output(self, index: int, output: str) -> None:
        """Adds what an item printed."""
        self._output[index] = output
        self.size += len(output)

    def add_written(self, places: list[list[str]]) -> None:
        """Adds the places where items have written objects: bucket and prefix of each."""
        self._written += places

    def _add(self, index: int, started: float, seconds: float, peak_memory: int, result: bytes) -> None:
        _add_run(self._index, index, 1, follows=True)
        _add_run(self._peak_memory, peak_memory, 1)
        self._started.append(started)
        self._seconds.append(seconds)
        self._add_sizes([len(result)])
        self._add_results(result)

    def _add_sizes(self, sizes: Sequence[int]) -> None:
        if self._sizes.typecode == _SIZES[0] and max(sizes, default=0) >> 32:
            self._sizes = array(_SIZES[1], self._sizes)
        self._sizes.extend(iter(sizes))
        self.size += _ROW_SIZE * len(sizes)

    def _add_results(self, results: bytes) -> None:
        self._results.append(results)
        self._crc = zlib.crc32(results, self._crc)
        self.size += len(results)

    def encode(self) -> bytes:
        """Returns the part as it is stored."""
        text = {
            "rows": len(self._sizes),
            "sizes": self._sizes.typecode,
            "index": self._index,
            "peak_memory": self._peak_memory,
            "crc": self._crc,
            "failures": self._failures,
            "output": self._output,
            "written": self._written,
        }
        encoded = json.dumps(text, separators=(",", ":")).encode()
        columns = [_little_endian(column) for column in (self._started, self._seconds, self._sizes)]
        head = b"".join((struct.pack(_PREFIX, _VERSION, len(encoded)), encoded, *columns))
        return b"".join((frames.pack([head]), *self._results))


def _add_run(runs: list[list[int]], value: int, count: int, *, follows: bool = False) -> None:
    """Adds to runs of equal values, or with ``follows`` of consecutive ones."""
    if runs and value == (sum(runs[-1]) if follows else runs[-1][0]):
        runs[-1][1] += count
    else:
        runs.append([value, count])


def _little_endian(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()
