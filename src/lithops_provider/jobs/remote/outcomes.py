"""
The outcomes of many items, kept in columns, since an object for each would take many times the memory of a small
result. Functions and the processes that gather a job read parts into them.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right, insort
from collections.abc import Mapping
from heapq import merge, nlargest
from itertools import chain, repeat
from operator import itemgetter, sub
from typing import TYPE_CHECKING, NamedTuple

from .parts import DamagedPartError, decode_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .output import ItemFailure
    from .parts import Header

#: A place is the number of a part, shifted by `_ROW_BITS`, and the row in that part; or `_NONE` for an item without an
#: outcome, or `_OUTSIDE` for one whose outcome is in no part.
_ROW_BITS = 32
_NONE, _OUTSIDE = -1, -2

#: How many of the slowest items are named.
_SLOWEST = 3


class Outcome(NamedTuple):
    """
    What became of an item: its ``failure``, or else its ``result``, pickled. If results weren't read, ``result`` is
    None, and ``started``, ``seconds`` and ``peak_memory`` are 0.
    """

    item: int
    result: memoryview | None
    failure: ItemFailure | None
    started: float
    seconds: float
    peak_memory: int
    output: str


def lost_outcome(item: int, failure: ItemFailure) -> Outcome:
    """
    Returns the outcome of an item whose call can't report it.

    :param item: its index
    :param failure: why it failed
    """
    return Outcome(item, None, failure, 0.0, 0.0, 0, "")


class Durations(NamedTuple):
    """
    How long items took, and how much memory: what is known of all tries of a job's items once they are over. A try's
    own duration is in its part in storage, since a number for each would be most of the memory of a large job.

    :param total: seconds of all tries together
    :param slowest: index and seconds of the slowest items, each with its slowest try
    :param peak_memory: the most bytes that a process of the items used
    """

    total: float
    slowest: list[tuple[int, float]]
    peak_memory: int


class Part:
    """
    The outcomes of some items of one call, as `lithops_provider.jobs.remote.parts` writes them. Of a part whose results
    weren't read, little is kept, since there may be millions of items.

    :param header: the part's header
    :param data: the whole part; None if the results weren't read
    """

    __slots__ = (
        "_durations",
        "_ends",
        "_header",
        "_view",
        "ended",
        "failures",
        "index",
        "output",
        "written",
    )

    def __init__(self, header: Header, data: bytes | None = None) -> None:
        self.index = header.index
        self.failures = header.failures
        self.output = header.output
        self.written = header.written
        #: When the last item ended, by the worker's clock; None without items.
        self.ended = header.started[-1] + header.seconds[-1] if header.index else None
        self._durations = _durations_of(header) if data is None else None
        self._header = None if data is None else header
        self._view = memoryview(b"" if data is None else data)
        self._ends: array[int] | None = None

    @classmethod
    def decode(cls, data: bytes) -> Part:
        """
        Makes a `Part` of the whole object in storage.

        :raises DamagedPartError: the object isn't whole, or has an item twice
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
        return bool(self.failures) and self.index[row] in self.failures

    @property
    def was_read(self) -> bool:
        """Whether the results were read."""
        return self._header is not None

    def pickled(self) -> Iterator[memoryview]:
        """Yields the pickled results of all rows, none of which may have failed. They must have been read."""
        assert self._header is not None
        ends = self._header.ends()
        return map(self._view.__getitem__, map(slice, map(sub, ends, self._header.size), ends))

    def durations(self) -> Durations:
        """Returns how long the items of the part took."""
        if self._durations is None:
            assert self._header is not None
            self._durations = _durations_of(self._header)
        return self._durations

    def forget_results(self) -> None:
        """Lets go of the results, as if they had not been read."""
        self.durations()
        self._header = self._ends = None
        self._view = memoryview(b"")

    def __getitem__(self, row: int) -> Outcome:
        index = self.index[row]
        failure, output, header = self.failures.get(index), self.output.get(index, ""), self._header
        if header is None:
            return Outcome(index, None, failure, 0.0, 0.0, 0, output)
        if self._ends is None:
            self._ends = header.ends()
        result = None if failure is not None else self._view[self._ends[row] - header.size[row] : self._ends[row]]
        return Outcome(
            index, result, failure, header.started[row], header.seconds[row], header.peak_memory[row], output
        )


def _durations_of(header: Header) -> Durations:
    seconds = header.seconds
    slowest = []
    row, before = -1, None
    for taken in nlargest(_SLOWEST, seconds):
        row = seconds.index(taken, row + 1 if taken == before else 0)
        before = taken
        slowest.append((header.index[row], taken))
    return Durations(sum(seconds), slowest, max(header.peak_memory, default=0))


class Outcomes(Mapping[int, Outcome]):
    """
    The outcomes of a job by index of the item, in order. Of two outcomes of one item the later counts, unless the
    earlier is a success.
    """

    def __init__(self) -> None:
        self._parts: list[Part] = []
        #: Where most items are. Each run is a whole part whose items have all succeeded: its first item, the one after
        #: its last, and the number of the part. In the order of the items.
        self._runs: list[tuple[int, int, int]] = []
        #: The places of all other items, by index.
        self._places = array("q")
        #: The outcomes that are in no part, by the item's index.
        self._outside: dict[int, Outcome] = {}
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
        number = len(self._parts) - 1
        index = part.index
        if not part.failures and isinstance(index, range) and index and self._are_unknown(index):
            insort(self._runs, (index.start, index.stop, number))
            self._count += len(index)
            return
        for row, item in enumerate(index):
            if self._counts(item, part.failed(row)):
                self._places[item] = number << _ROW_BITS | row

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Takes in outcomes that are in no part."""
        for outcome in outcomes:
            if self._counts(outcome.item, outcome.failure is not None):
                self._places[outcome.item] = _OUTSIDE
                self._outside[outcome.item] = outcome

    def update(self, other: Outcomes) -> None:
        """Takes in later outcomes."""
        for part in other._parts:
            self.add_part(part)
        self.add(other._outside.values())

    def replace(self, outcome: Outcome) -> None:
        """Puts an outcome in the place of the item's earlier one, even if that was a success."""
        if outcome.item in self and outcome.item not in self._failed:
            self._failed.add(outcome.item)
        self.add([outcome])

    def missing(self, items: Iterable[int]) -> list[int]:
        """
        Returns those items that have no outcome.

        :param items: indices of items
        """
        if isinstance(items, range) and items and items.step == 1:
            run = self._run_of(items.start)
            if run is not None and run[1] >= items.stop:
                return []  # the usual case: the items of a call are a run
        return [item for item in items if item not in self]

    def durations(self) -> Durations:
        """Returns how long all tries took, also those that don't count."""
        found = [part.durations() for part in self._parts]
        slowest: dict[int, float] = {}
        for index, seconds in chain.from_iterable(part.slowest for part in found):
            slowest[index] = max(seconds, slowest.get(index, 0.0))
        return Durations(
            sum((part.total for part in found), 0.0),
            nlargest(_SLOWEST, slowest.items(), key=itemgetter(1)),
            max((part.peak_memory for part in found), default=0),
        )

    def written(self) -> set[tuple[str, str]]:
        """Returns bucket and prefix of each place where items have written objects."""
        return {place for part in self._parts for place in part.written}

    def ended(self) -> float | None:
        """Returns when the last try that is in a part ended, by its worker's clock."""
        return max((part.ended for part in self._parts if part.ended is not None), default=None)

    def printed(self) -> Iterator[Outcome]:
        """Yields the outcomes of items that printed something, in order."""
        found = {index for part in self._parts for index in part.output}
        return (outcome for index in sorted(found) if (outcome := self[index]).output)

    def results(self, keep: bool = True) -> Iterator[tuple[Sequence[int], Iterable[memoryview]]]:
        """
        Yields, for each part, the items that succeeded, and their pickled results.

        :param keep: whether the results are kept, so that this can be called again. If not, those of a part without
            failures are dropped when the next part is asked for
        """
        whole = {number for first, last, number in self._runs if not self._overlaps_places(first, last)}
        for number, part in enumerate(self._parts):
            if number in whole:
                if part.was_read:
                    yield part.index, part.pickled()
                    if not keep:
                        part.forget_results()
                continue
            outcomes = [part[row] for row, item in enumerate(part.index) if self._place(item) == (number, row)]
            found = {outcome.item: outcome.result for outcome in outcomes if outcome.result is not None}
            yield list(found), found.values()

    def _run_of(self, item: int) -> tuple[int, int, int] | None:
        """Returns the run that an item is in."""
        found = bisect_right(self._runs, item, key=_first_of_run) - 1
        return self._runs[found] if found >= 0 and item < self._runs[found][1] else None

    def _are_unknown(self, items: range) -> bool:
        following = bisect_right(self._runs, items.stop - 1, key=_first_of_run) - 1
        apart = following < 0 or self._runs[following][1] <= items.start
        return apart and not self._overlaps_places(items.start, items.stop)

    def _overlaps_places(self, first: int, last: int) -> bool:
        places = self._places[first:last]
        return places != array("q", [_NONE]) * len(places)

    def _place(self, item: int) -> tuple[int, int] | None:
        """Returns where an item's outcome is: the number of its part, and the row in it; None if no part has it."""
        place = self._places[item] if item < len(self._places) else _NONE
        if place == _NONE:
            run = self._run_of(item)
            return None if run is None else (run[2], item - run[0])
        return None if place == _OUTSIDE else (place >> _ROW_BITS, place & ((1 << _ROW_BITS) - 1))

    def _counts(self, index: int, failed: bool) -> bool:
        """
        Counts an outcome unless a better one of its item is known, and returns whether it did. If so, the caller has to
        set the item's place.
        """
        known = index in self
        if known and index not in self._failed:
            return False
        if (missing := index + 1 - len(self._places)) > 0:
            self._places.extend(repeat(_NONE, missing))
        self._count += not known
        if failed:
            self._failed.add(index)
        else:
            self._failed.discard(index)
        return True

    def __getitem__(self, index: int) -> Outcome:
        if index not in self:
            raise KeyError(index)
        place = self._place(index)
        if place is None:
            return self._outside[index]
        number, row = place
        return self._parts[number][row]

    def __contains__(self, index: object) -> bool:
        if not isinstance(index, int) or index < 0:
            return False
        return (index < len(self._places) and self._places[index] != _NONE) or self._run_of(index) is not None

    def __iter__(self) -> Iterator[int]:
        runs = chain.from_iterable(range(first, last) for first, last, _ in self._runs)
        others = (index for index, place in enumerate(self._places) if place != _NONE)
        before = -1
        for index in merge(runs, others):
            if index != before:  # an item whose outcome was replaced is in both
                yield index
            before = index

    def __len__(self) -> int:
        return self._count


def _first_of_run(run: tuple[int, int, int]) -> int:
    return run[0]
