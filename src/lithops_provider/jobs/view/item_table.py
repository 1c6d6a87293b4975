"""
All items of a job as a table that can be filtered, searched and sorted. It has everything that is known about each
item, but not its result. `JobView` makes it out of parts, and `status/answers.py` reads rows of it.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lithops_provider.jobs.gather.groups import FailedItem, FailureGroup, group_failures, place_of
from lithops_provider.jobs.remote.parts import Header

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.output import ItemFailure

#: Names of an item's states; the table holds their positions here.
STATES = ("waiting", "running", "succeeded", "failed")
WAITING, RUNNING, SUCCEEDED, FAILED = range(len(STATES))

#: Columns that the table can be sorted by.
SORTS = ("index", "state", "attempts", "call", "started", "seconds", "peak_memory", "failure")

#: How many characters of a failure are kept in the table, and can be searched.
_FAILURE = 300


class Part(NamedTuple):
    """
    A part, which is an object in which a call stores outcomes, as far as the table needs it.

    :param round: number of its round
    :param call: number of its call; -1 for a part that `JobRun` has stored for items whose call can't report
    :param key: its key in storage
    :param header: its columns
    :param failures: the failures of its items, shortened, by the item's index
    """

    round: int
    call: int
    key: str
    header: Header
    failures: Mapping[int, ShortFailure]

    @classmethod
    def of(cls, number: int, call: int, key: str, header: Header) -> Part:
        """Makes one whose header only says which items failed. Tracebacks and output are read again when wanted."""
        short = {index: shorten(failure) for index, failure in header.failures.items()}
        failed: dict[int, ItemFailure] = {index: {} for index in short}
        return cls(number, call, key, replace(header, failures=failed, output={}), short)


class ShortFailure(NamedTuple):
    """
    A failure as the table keeps it.

    :param type: name of the exception's class
    :param place: where it was raised, see `lithops_provider.jobs.gather.groups.place_of`
    :param text: type and message in one line, shortened
    """

    type: str
    place: str
    text: str


def shorten(failure: ItemFailure) -> ShortFailure:
    """
    Returns a failure as the table keeps it.

    :param failure: from the header of a part
    """
    kind = str(failure.get("type", "Error"))
    line = " ".join(f"{kind}: {failure.get('message', '')}"[: _FAILURE * 2].split())
    text = line if len(line) <= _FAILURE else f"{line[: _FAILURE - 3]}..."
    place = place_of(str(failure.get("traceback", "")))
    return ShortFailure(*map(sys.intern, (kind, place, text)))  # many items fail in the same way


class ItemTable:
    """
    The table. It isn't changed once it is shown. When there are more parts, `JobView` makes a new one.

    :param items: how many items the job has
    :param parts: all parts that were read
    """

    def __init__(self, items: int, parts: Iterable[Part]) -> None:
        self.items = items
        self.state = bytearray(items)
        self.attempts = array("H", bytes(2 * items))
        self.round = array("H", bytes(2 * items))
        self.call = array("l", [-1]) * items
        self.started = array("d", bytes(8 * items))
        self.seconds = array("d", bytes(8 * items))
        self.peak_memory = array("q", bytes(8 * items))
        #: What `shorten` makes of the failure of each item that has failed, so far or for good.
        self.failures: dict[int, ShortFailure] = {}
        self._orders: dict[tuple[Any, ...], Sequence[int]] = {}
        self._groups: list[FailureGroup] | None = None
        for part in sorted(parts, key=lambda part: (part.round, part.key)):
            self._take(part)

    def _take(self, part: Part) -> None:
        """Takes in a part. If an item has several outcomes, a success counts, and without one the last failure."""
        state, attempts, failures, header = self.state, self.attempts, part.failures, part.header
        if self._take_at_once(part):
            return
        for position, index in enumerate(header.index):
            attempts[index] += 1
            if state[index] == SUCCEEDED:
                continue
            if index in failures:
                state[index] = FAILED
                self.failures[index] = failures[index]
            else:
                state[index] = SUCCEEDED
                self.failures.pop(index, None)
            self.round[index] = part.round
            self.call[index] = part.call
            self.started[index] = header.started[position]
            self.seconds[index] = header.seconds[position]
            self.peak_memory[index] = header.peak_memory[position]

    def _take_at_once(self, part: Part) -> bool:
        """
        Takes in a part as whole columns, which is fast, and returns True. Returns False if the part's items aren't
        consecutive, or some of them are known already.
        """
        header, count = part.header, len(part.header.index)
        if not count:
            return True
        first = header.index[0]
        rows = slice(first, first + count)
        if not _follow_each_other(header.index) or any(self.state[rows]):
            return False
        self.state[rows] = bytes([SUCCEEDED]) * count
        self.attempts[rows] = array("H", [1]) * count
        self.round[rows] = array("H", [part.round]) * count
        self.call[rows] = array("l", [part.call]) * count
        self.started[rows], self.seconds[rows] = array("d", header.started), array("d", header.seconds)
        self.peak_memory[rows] = header.peak_memory
        for index, failure in part.failures.items():
            if first <= index < first + count:
                self.state[index] = FAILED
                self.failures[index] = failure
        return True

    def mark(self, index: int, state: int, number: int, call: int, started: float = 0.0) -> None:
        """
        Notes that an item waits or runs in a round. The failure of an earlier round stays visible.

        :param index: the item
        :param state: WAITING or RUNNING
        :param number: number of the round
        :param call: number of the call
        :param started: when it began to run, in seconds since the epoch; 0 if that isn't known
        """
        if self.state[index] != SUCCEEDED:
            self.state[index] = state
            self.round[index], self.call[index] = number, call
            self.started[index], self.seconds[index] = started, 0.0

    def counts(self) -> dict[str, int]:
        """Returns how many items are in each state."""
        return {name: self.state.count(number) for number, name in enumerate(STATES)}

    def select(
        self, *, sort: str = "index", descending: bool = False, states: Sequence[str] = (), search: str = ""
    ) -> Sequence[int]:
        """
        Returns the indices of the items that are wanted, in order.

        :param sort: one of `SORTS`
        :param descending: whether to reverse the order
        :param states: only items in one of these states; empty for all items
        :param search: only items whose failure contains this text, in upper or lower case, or whose index it is
        """
        key = (sort, descending, tuple(states), search)
        if key not in self._orders:
            if len(self._orders) > 8:
                self._orders.clear()
            self._orders[key] = self._sorted(self._filtered(states, search), sort, descending)
        return self._orders[key]

    def _filtered(self, states: Sequence[str], search: str) -> Sequence[int]:
        found: Iterable[int] = range(self.items)
        if search:
            text = search.casefold()
            matches = {index for index, failure in self.failures.items() if text in failure.text.casefold()}
            if search.isdecimal() and int(search) < self.items:
                matches.add(int(search))
            found = sorted(matches)
        if states:
            wanted = {STATES.index(name) for name in states}
            found = [index for index in found if self.state[index] in wanted]
        return found if isinstance(found, range) else list(found)

    def _sorted(self, indices: Sequence[int], sort: str, descending: bool) -> Sequence[int]:
        if sort == "index":
            return indices[::-1] if descending else indices
        if sort == "failure":
            return sorted(indices, key=self.failure_text, reverse=descending)
        if sort == "call":
            return sorted(indices, key=lambda index: (self.round[index], self.call[index]), reverse=descending)
        column: Any = getattr(self, sort)
        return sorted(indices, key=column.__getitem__, reverse=descending)

    def row(self, index: int) -> dict[str, Any]:
        """
        Returns the row of an item, as plain JSON.

        :param index: the item's index
        """
        known = self.seconds[index] > 0 or self.state[index] in (SUCCEEDED, FAILED)
        return {
            "index": index,
            "state": STATES[self.state[index]],
            "attempts": self.attempts[index],
            "round": self.round[index],
            "call": self.call[index],
            "started": (self.started[index] or None) if known or self.state[index] == RUNNING else None,
            "seconds": self.seconds[index] if known else None,
            "peak_memory": self.peak_memory[index] or None,
            "failure": self.failure_text(index),
        }

    def failure_text(self, index: int) -> str:
        """Returns the failure of an item as one line; empty if it hasn't failed."""
        failure = self.failures.get(index)
        return "" if failure is None else failure.text

    def groups(self) -> list[FailureGroup]:
        """Returns the failures of the items that have failed, grouped; see `group_failures`."""
        if self._groups is None:
            self._groups = group_failures(
                FailedItem(index, failure.type, failure.place, failure.text)
                for index, failure in sorted(self.failures.items())
                if self.state[index] == FAILED
            )
        return self._groups


def _follow_each_other(indices: Sequence[int]) -> bool:
    """Tells whether each of some indices, which are a range or an array, is the one before it and one."""
    wanted = range(indices[0], indices[0] + len(indices))
    return indices == (wanted if isinstance(indices, range) else array("q", wanted))
