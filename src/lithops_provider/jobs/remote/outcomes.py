"""The outcomes of many items, kept in columns: an object each would take many times the memory of a small result."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Mapping
from itertools import repeat
from operator import sub
from typing import TYPE_CHECKING, Any, NamedTuple

from .parts import DamagedPartError, decode_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .parts import Header

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
    The outcomes of some items of one call, as `lithops_provider.jobs.remote.parts` writes them.

    :param header: from its head
    :param data: the whole part; None if the results weren't read
    """

    __slots__ = ("_ends", "_view", "header")

    def __init__(self, header: Header, data: bytes | None = None) -> None:
        self.header = header
        self._view = None if data is None else memoryview(data)
        self._ends: array[int] | None = None

    @classmethod
    def decode(cls, data: bytes) -> Part:
        """
        Makes one of the whole object.

        :raises DamagedPartError: it isn't whole, or tells of an item twice
        """
        header = decode_header(data)
        if header.end() != len(data):
            raise DamagedPartError(f"a part has {len(data)} bytes where there should be {header.end()}")
        part = cls(header, data)
        crc = 0
        if not header.gap:
            crc = zlib.crc32(memoryview(data)[header.results_start :])
        else:
            for _, start, end in header.spans():
                crc = zlib.crc32(memoryview(data)[start:end], crc)
        if header.crc not in (None, crc):
            raise DamagedPartError("a part is damaged: its results aren't those that were written")
        return part

    def failed(self, row: int) -> bool:
        """Tells whether the item of a row failed."""
        return bool(self.header.failures) and self.header.index[row] in self.header.failures

    def pickled(self) -> Iterator[memoryview]:
        """Yields the pickled results of all rows, of which none has failed."""
        view = memoryview(b"") if self._view is None else self._view
        ends = self.header.ends()
        return map(view.__getitem__, map(slice, map(sub, ends, self.header.size), ends))

    @property
    def ends(self) -> array[int]:
        """Where in the part the result of each row ends."""
        if self._ends is None:
            self._ends = self.header.ends()
        return self._ends

    def __getitem__(self, row: int) -> Outcome:
        header = self.header
        index = header.index[row]
        failure = header.failures.get(index)
        result = None
        if failure is None and self._view is not None:
            result = self._view[self.ends[row] - header.size[row] : self.ends[row]]
        return Outcome(
            index,
            result,
            failure,
            header.started[row],
            header.seconds[row],
            header.peak_memory[row],
            header.output.get(index, ""),
        )


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
        index = part.header.index
        self._make_room(max(index, default=_NONE))
        if not part.header.failures and isinstance(index, range) and self._are_unknown(index):
            self._places[index.start : index.stop] = array("q", range(first, first + len(index)))
            self._count += len(index)
            return
        for row, item in enumerate(index):
            if self._counts(item, part.failed(row)):
                self._places[item] = first | row

    def _are_unknown(self, items: range) -> bool:
        return self._places[items.start : items.stop] == array("q", [_NONE]) * len(items)

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

    def columns(self) -> Iterator[tuple[Sequence[int], array[float], array[int]]]:
        """Yields index, seconds and peak memory of all tries that parts tell of, also of those that don't count."""
        for header in (part.header for part in self._parts):
            yield header.index, header.seconds, header.peak_memory

    def written(self) -> set[tuple[str, str]]:
        """Returns bucket and prefix of each place where items have written objects."""
        return {place for part in self._parts for place in part.header.written}

    def ended(self) -> float | None:
        """Returns when the last try ended that parts tell of, by its worker's clock."""
        headers = (part.header for part in self._parts)
        return max((header.started[-1] + header.seconds[-1] for header in headers if header.index), default=None)

    def printed(self) -> Iterator[Outcome]:
        """Yields the outcomes of items that printed something, in order."""
        found = {index for part in self._parts for index in part.header.output}
        return (outcome for index in sorted(found) if (outcome := self[index]).output)

    def results(self) -> Iterator[tuple[Sequence[int], Iterable[memoryview]]]:
        """Yields the pickled results of all items that succeeded, of many at a time: the items, and their results."""
        for number, part in enumerate(self._parts):
            index, first = part.header.index, number << _ROW_BITS
            if not part.header.failures and isinstance(index, range) and self._places_are(index, first):
                yield index, part.pickled()
                continue
            outcomes = [part[row] for row, item in enumerate(index) if self._places[item] == first | row]
            found = {outcome.item: outcome.result for outcome in outcomes if outcome.result is not None}
            yield list(found), found.values()

    def _places_are(self, items: range, first: int) -> bool:
        """Tells whether the items are in the rows of a part that follow on ``first``, each in one."""
        return self._places[items.start : items.stop] == array("q", range(first, first + len(items)))

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
