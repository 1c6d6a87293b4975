"""
Groups failures by their type and the place in the code that raised them, and makes the words that say how many items
of a job succeeded and how many had to. The task's log, the page and the command line use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

#: How many indices of items a group holds. Of the others it has the count alone.
_NAMED = 20
#: How many groups a text shows. The others are counted together.
_SHOWN = 5
#: Characters of a place: paths can be long, and come from functions.
_PLACE = 300
#: How the line of a frame begins.
_FRAME = '  File "'
#: Indices that a text shows of a group.
_IN_TEXT = 5


@dataclass(frozen=True)
class FailedItem:
    """
    A failure, as far as grouping needs it.

    :param index: the item's index
    :param type: name of the exception's class
    :param place: where it was raised, see `place_of`
    :param message: the exception's text, which may be shortened
    """

    index: int
    type: str
    place: str
    message: str


@dataclass(frozen=True)
class FailureGroup:
    """
    Failures of one type from one place.

    :param type: name of the exception's class
    :param place: where it was raised, see `place_of`
    :param count: how many items have failed so
    :param items: the indices of the first of these items
    :param message: the message of the first
    """

    type: str
    place: str
    count: int
    items: Sequence[int]
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON."""
        return {
            "type": self.type,
            "place": self.place,
            "count": self.count,
            "items": list(self.items),
            "message": self.message,
        }

    def title(self) -> str:
        """Returns the kind of failure and how often it occurred, such as ``LookupError x 10 at dag.py:3 in f``."""
        return f"{self.type} x {self.count}" + (f" at {self.place}" if self.place else "")

    def named(self) -> str:
        """Returns which items these are: the first, and how many more."""
        first = ", ".join(map(str, self.items[:_IN_TEXT]))
        more = self.count - min(len(self.items), _IN_TEXT)
        return f"item{'s' if self.count > 1 else ''} {first}" + (f" and {more} more" if more else "")


def place_of(traceback: str) -> str:
    """
    Returns the place where an exception was raised: its traceback's last frame.

    :param traceback: as Python prints it
    :returns: such as ``/dags/parse.py:12 in parse``; empty if there is no frame in it
    """
    begin = traceback.rfind(_FRAME)
    if begin < 0:
        return ""
    line = traceback[begin + len(_FRAME) :].partition("\n")[0]
    path, _, rest = line.partition('", line ')
    number, _, function = rest.partition(", in ")
    if not number.isdecimal():
        return ""
    return (f"{path}:{number}" + (f" in {function.strip()}" if function else ""))[-_PLACE:]


def group_failures(failures: Iterable[FailedItem]) -> list[FailureGroup]:
    """
    Returns failures grouped by type and place, the largest group first.

    :param failures: the failures, in the order of the items
    """
    found: dict[tuple[str, str], list[FailedItem]] = {}
    counts: dict[tuple[str, str], int] = {}
    for failure in failures:
        key = failure.type, failure.place
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= _NAMED:
            found.setdefault(key, []).append(failure)
    groups = [
        FailureGroup(*key, counts[key], [entry.index for entry in entries], entries[0].message)
        for key, entries in found.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.items[0]))


def succeeded_text(succeeded: int, total: int, min_success_ratio: float | None) -> str:
    """
    Returns how many items have succeeded, and how many had to: ``390 of 400 succeeded (97.5 %), 99 % were needed``.

    :param succeeded: number of items
    :param total: number of items of the job
    :param min_success_ratio: share of items that had to succeed; None if that isn't known
    """
    text = f"{succeeded} of {total} succeeded ({_percent(succeeded / total if total else 1.0)})"
    return text if min_success_ratio is None else f"{text}, {_percent(min_success_ratio)} were needed"


def _percent(share: float) -> str:
    """Returns a share in per cent, never rounded up to all or down to nothing."""
    value = share * 100
    digits = 1
    while share not in (0.0, 1.0) and float(f"{value:.{digits}f}") in (0.0, 100.0):
        digits += 1
    text = f"{value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def groups_text(groups: Sequence[FailureGroup]) -> list[str]:
    """
    Returns lines that show the largest groups: what failed and where, which items, and the message of the first.

    :param groups: see `group_failures`
    """
    lines = []
    for group in groups[:_SHOWN]:
        lines += [f"  {group.title()}: {group.named()}", f"    item {group.items[0]}: {group.message}"]
    rest = groups[_SHOWN:]
    if rest:
        lines.append(f"  ... and {sum(group.count for group in rest)} more of {len(rest)} other kind(s)")
    return lines
