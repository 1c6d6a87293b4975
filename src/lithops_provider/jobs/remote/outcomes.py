"""The outcomes of many items, kept in columns: an object each would take many times the memory of a small result."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Mapping
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from . import frames
from .parts import DamagedPartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A place is the number of a part, shifted by this, and the row in it; or one of these.
_ROW_BITS = 32
_NONE, _TOLD = -1, -2


class Outcome(NamedTuple):
    """What became of an item: its ``failure``, or else its ``result``, pickled, which is None if it wasn't read."""

    item: int
    result: memoryview | None
    failure: dict[str, Any] | None
    started: float
    seconds: float
    peak_memory: int
    output: str


def lost_outcome(item: int, failure: dict[str, Any]) -> Outcome:
    """
    Returns the outcome of an item whose call can't tell of it.

    :param item: its index
    :param failure: ``type``, ``message``, ``traceback``
    """
    return Outcome(item, None, failure, 0.0, 0.0, 0, "")


class Part:
    """
    The outcomes of some items of one call.

    :param data: the object, see `lithops_provider.jobs.remote.parts`
    :param results: whether the results are in it; else its first frame will do
    :raises DamagedPartError: it isn't whole, or tells of an item twice
    """

    __slots__ = ("_ends", "_failures", "_output", "_starts", "_view", "columns", "index", "sizes", "written")

    def __init__(self, data: bytes, *, results: bool = True) -> None:
        try:
            self._read(data, results)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, StopIteration) as error:
            raise DamagedPartError(f"a part is damaged: {error!r}") from error

    def _read(self, data: bytes, results: bool) -> None:
        self._view = memoryview(data)
        spans = frames.spans(data)
        start, end = next(spans)
        header = json.loads(data[start:end])
        self.index = array("q", header["index"])
        if len(set(self.index)) != len(self.index):
            raise ValueError("the part is damaged: it tells of an item twice")
        self.columns = (
            array("d", header["started"]), array("d", header["seconds"]), array("q", header["peak_memory"])
        )  # fmt: skip
        self.sizes: list[int] = header["size"]
        self._failures: dict[str, dict[str, Any]] = header["failures"]
        self._output: dict[str, str] = header["output"]
        self.written: list[list[str]] = header.get("written", [])
        self._starts, self._ends = array("q"), array("q")
        for row in range(len(self.index)) if results else ():
            start, end = (0, 0) if self.failed(row) else next(spans)
            self._starts.append(start)
            self._ends.append(end)
        if results and "crc" in header:
            self._check(header["crc"], rest=next(spans, None))

    def _check(self, expected: int, rest: Any) -> None:
        crc = 0
        for start, end in zip(self._starts, self._ends, strict=True):
            crc = zlib.crc32(self._view[start:end], crc)
        if crc != expected or rest is not None:
            raise ValueError("its results aren't those that were written")

    def failed(self, row: int) -> bool:
        """Tells whether the item of a row failed."""
        return bool(self._failures) and str(self.index[row]) in self._failures

    def spans(self, start: int) -> Iterator[tuple[int, int, int]]:
        """
        Yields each item that succeeded, and where in the part its result begins and ends.

        :param start: where the header's frame ends
        """
        for row, (index, size) in enumerate(zip(self.index, self.sizes, strict=True)):
            if not self.failed(row):
                start += frames.packed_size(b"")
                yield index, start, start + size
                start += size

    def printed(self) -> Iterator[int]:
        """Yields the items that printed something."""
        return map(int, self._output)

    def __getitem__(self, row: int) -> Outcome:
        index = self.index[row]
        failure = self._failures.get(str(index)) if self._failures else None
        result = self._view[self._starts[row] : self._ends[row]] if failure is None and self._starts else None
        started, seconds, peak_memory = self.columns
        output = self._output.get(str(index), "") if self._output else ""
        return Outcome(index, result, failure, started[row], seconds[row], peak_memory[row], output)


class Outcomes(Mapping[int, Outcome]):
    """
    The outcomes of a job by index of the item, in order. Of two outcomes of one item the later counts, unless the
    earlier is a success.
    """

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._places = array("q")
        #: What is known of items otherwise than from a part.
        self._told: dict[int, Outcome] = {}
        self._failed: set[int] = set()
        self._count = 0

    @property
    def failed(self) -> list[int]:
        """The items that failed, in order."""
        return sorted(self._failed)

    @property
    def succeeded(self) -> int:
        """How many items succeeded."""
        return self._count - len(self._failed)

    def add_part(self, part: Part) -> None:
        """Takes in the outcomes of a part."""
        self._parts.append(part)
        first = (len(self._parts) - 1) << _ROW_BITS
        self._make_room(max(part.index, default=_NONE))
        for row, index in enumerate(part.index):
            if self._counts(index, part.failed(row)):
                self._places[index] = first | row

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Takes in outcomes that no part tells of."""
        for outcome in outcomes:
            self._make_room(outcome.item)
            if self._counts(outcome.item, outcome.failure is not None):
                self._places[outcome.item] = _TOLD
                self._told[outcome.item] = outcome

    def update(self, other: Outcomes) -> None:
        """Takes in later outcomes."""
        for part in other._parts:
            self.add_part(part)
        self.add(other._told.values())

    def replace(self, outcome: Outcome) -> None:
        """Puts an outcome in place of another, be that what it was."""
        if outcome.item in self and outcome.item not in self._failed:
            self._failed.add(outcome.item)
        self.add([outcome])

    def columns(self) -> Iterator[tuple[array[int], array[float], array[int]]]:
        """Yields index, seconds and peak memory of all tries that parts tell of, also of those that don't count."""
        for part in self._parts:
            _, seconds, peak_memory = part.columns
            yield part.index, seconds, peak_memory

    def written(self) -> set[tuple[str, str]]:
        """Returns bucket and prefix of each place where items have written objects."""
        return {(bucket, prefix) for part in self._parts for bucket, prefix in part.written}

    def ended(self) -> float | None:
        """Returns when the last try ended that parts tell of, by its worker's clock."""
        ends = (started[-1] + seconds[-1] for started, seconds, _ in (part.columns for part in self._parts) if started)
        return max(ends, default=None)

    def printed(self) -> Iterator[Outcome]:
        """Yields the outcomes of items that printed something, in order."""
        found = {index for part in self._parts for index in part.printed()}
        return (outcome for index in sorted(found) if (outcome := self[index]).output)

    def _make_room(self, index: int) -> None:
        missing = index + 1 - len(self._places)
        if missing > 0:
            self._places.extend(repeat(_NONE, missing))

    def _counts(self, index: int, failed: bool) -> bool:
        known = self._places[index] != _NONE
        if known and index not in self._failed:
            return False
        self._count += not known
        if failed:
            self._failed.add(index)
        else:
            self._failed.discard(index)
        return True

    def __getitem__(self, index: int) -> Outcome:
        if index not in self:
            raise KeyError(index)
        place = self._places[index]
        if place == _TOLD:
            return self._told[index]
        return self._parts[place >> _ROW_BITS][place & ((1 << _ROW_BITS) - 1)]

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and 0 <= index < len(self._places) and self._places[index] != _NONE

    def __iter__(self) -> Iterator[int]:
        return (index for index, place in enumerate(self._places) if place != _NONE)

    def __len__(self) -> int:
        return self._count
