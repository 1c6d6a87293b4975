"""
Aggregates a job's items into charts that fit on a screen, whether there is one item or a hundred thousand.
`status/answers.py` calls it for the page and the command line.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress
from operator import add, gt
from typing import Any

from lithops_provider.jobs.remote.parts import Header
from lithops_provider.jobs.view.item_table import FAILED, SUCCEEDED, ItemTable
from lithops_provider.jobs.view.job_view import Snapshot

#: How many bars the histogram has at most, and how many rows and columns the timeline.
_BARS, _ROWS, _COLUMNS = 30, 40, 100
#: With this many items or fewer, the timeline shows each item; with more, it shows how busy calls were.
_SPANS = 400
#: If the longest duration is more than this many times the shortest, the histogram's axis is logarithmic.
_WIDE = 50.0
#: Seconds that any duration counts as at least. Shorter ones are no longer than measuring takes.
_SHORTEST = 1e-6
#: The rate of a running job is that of this many last seconds.
_WINDOW = 30.0


def histogram(table: ItemTable) -> dict[str, Any]:
    """
    Returns how many items took how long, without those that were lost with their call.

    :param table: the items
    :returns: ``edges`` in seconds, one more than bars; ``succeeded`` and ``failed``, counts by bar; ``log``, whether
        the bars are equally wide on a logarithmic axis; ``median``, ``p95``, ``longest`` and ``sum`` in seconds
    """
    durations, failed_ones = _ended(table)
    if not durations:
        return {"edges": [], "succeeded": [], "failed": [], "log": False}
    low, high = durations[0], durations[-1]
    log = high / low > _WIDE
    bars = 1 if high == low else min(_BARS, max(5, math.ceil(math.sqrt(len(durations)))))
    if log:
        ratio = math.log(high / low) / bars
        edges = [low * math.exp(ratio * number) for number in range(bars + 1)]
    else:
        edges = [low + (high - low) * number / bars for number in range(bars + 1)]
    failed = _by_bar(failed_ones, edges)
    succeeded = [both - bad for both, bad in zip(_by_bar(durations, edges), failed, strict=True)]
    return {
        "edges": [_round(edge) for edge in edges],
        "succeeded": succeeded,
        "failed": failed,
        "log": log,
        "median": _round(durations[len(durations) // 2]),
        "p95": _round(durations[min(int(len(durations) * 0.95), len(durations) - 1)]),
        "longest": _round(high),
        "sum": _round(sum(durations)),
    }


def _ended(table: ItemTable) -> tuple[list[float], list[float]]:
    """
    Returns the durations of the items that have ended, and of those among them that failed, each in order. Those that
    were lost with their call are left out: nobody knows how long they ran.
    """
    succeeded = bytes(state == SUCCEEDED for state in range(256))
    failed = table.state.translate(bytes(state == FAILED for state in range(256)))
    calls = compress(table.call, failed)
    failed_ones = [seconds for seconds, call in zip(compress(table.seconds, failed), calls, strict=True) if call >= 0]
    ended = [*compress(table.seconds, table.state.translate(succeeded)), *failed_ones]
    found = [sorted(ended), sorted(failed_ones)]
    for durations in found:
        short = bisect_left(durations, _SHORTEST)
        durations[:short] = [_SHORTEST] * short
    return found[0], found[1]


def _by_bar(durations: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Returns how many of some sorted durations are in each bar. The last bar includes its right edge."""
    inner = [bisect_left(durations, edge) for edge in edges[1:-1]]
    return [right - left for left, right in zip([0, *inner], [*inner, len(durations)], strict=True)]


def timeline(snapshot: Snapshot) -> dict[str, Any]:
    """
    Returns which calls worked when, for a chart.

    :param snapshot: the job
    :returns: ``begin`` and ``end`` in seconds since the epoch; ``rows``, each a call or some neighbouring ones, with
        their ``label``, ``begin``, ``end``, ``done`` and ``failed``, and either ``spans``, for each item its start
        after ``begin``, its seconds and whether it failed; or ``cells``, a text with a character for each of
        ``columns`` equal times: ``0`` to ``9`` for how busy the calls were, ``A`` to ``J`` for the same if an item
        failed then, a space if no call worked
    """
    calls: dict[tuple[int, int], list[Header]] = {}
    for part in snapshot.parts:
        if part.call >= 0 and part.header.index:  # lost items have no times
            calls.setdefault((part.round, part.call), []).append(part.header)
    if not calls:
        return {"rows": []}
    spans = {key: _span(headers) for key, headers in calls.items()}
    begin = min(first for first, _ in spans.values())
    end = max(last for _, last in spans.values())
    begin = min([begin, *(entry.submitted for entry in snapshot.job.rounds)])
    if not snapshot.over:
        end = max(end, snapshot.taken)
    end = max(end, begin + _SHORTEST)
    keys = sorted(calls)
    size = math.ceil(len(keys) / _ROWS)
    groups = [keys[first : first + size] for first in range(0, len(keys), size)]
    few = sum(len(header.index) for headers in calls.values() for header in headers) <= _SPANS
    rows = []
    for group in groups:
        headers = [header for key in group for header in calls[key]]
        row: dict[str, Any] = {
            "label": _label(group),
            "begin": _round(min(spans[key][0] for key in group) - begin),
            "end": _round(max(spans[key][1] for key in group) - begin),
            "done": sum(len(header.index) for header in headers),
            "failed": sum(len(header.failures) for header in headers),
        }
        if few:
            row["spans"] = [
                [_round(started - begin), _round(seconds), int(index in header.failures)]
                for header in headers
                for index, started, seconds in zip(header.index, header.started, header.seconds, strict=True)
            ]
        else:
            row["cells"] = _cells(headers, begin, (end - begin) / _COLUMNS, len(group))
        rows.append(row)
    return {"begin": begin, "end": end, "columns": _COLUMNS, "calls": len(keys), "per_row": size, "rows": rows}


def _span(headers: Sequence[Header]) -> tuple[float, float]:
    """Returns when the first item of some parts began, and when the last one ended."""
    first = min(min(header.started) for header in headers)
    return first, max(max(map(add, header.started, header.seconds)) for header in headers)


def _label(group: Sequence[tuple[int, int]]) -> str:
    first, last = (f"{number}/{call}" for number, call in (group[0], group[-1]))
    return first if len(group) == 1 else f"{first}-{last}"


def _cells(headers: Sequence[Header], begin: float, width: float, calls: int) -> str:
    """Returns the text for a row: how busy its calls were in each column, see `timeline`."""
    busy = [0.0] * _COLUMNS
    failed = bytearray(_COLUMNS)
    for header in headers:
        _add_busy(busy, header, begin, width)
        for row in _failed_rows(header):
            failed[_column(header.started[row] + header.seconds[row], begin, width)] = 1
    text = []
    for column in range(_COLUMNS):
        share = busy[column] / (calls * width)
        if share <= 0 and not failed[column]:
            text.append(" ")
        else:
            level = min(max(int(share * 10 + 1e-6), 0), 9)
            text.append(chr((ord("A") if failed[column] else ord("0")) + level))
    return "".join(text)


def _failed_rows(header: Header) -> Iterable[int]:
    """Returns where in the columns of a part the items are that failed; of a range, without a look at each of them."""
    if isinstance(header.index, range):
        return [header.index.index(index) for index in header.failures if index in header.index]
    return (row for row, index in enumerate(header.index) if index in header.failures)


def _add_busy(busy: list[float], header: Header, begin: float, width: float) -> None:
    """
    Adds the seconds that the items of a part took within each column. A call runs its items one after another. So the
    time that it has worked until some moment is the sum of the items that had begun by then, less what the last of them
    still had to do. That takes a step for each column, however many items there are.
    """
    started, seconds = header.started, header.seconds
    if any(map(gt, started, started[1:])):  # the clock was set back
        order = sorted(range(len(started)), key=started.__getitem__)
        started, seconds = array("d", map(started.__getitem__, order)), array("d", map(seconds.__getitem__, order))
    worked = list(accumulate(seconds, initial=0.0))

    def until(at: float) -> float:
        begun = bisect_right(started, at)
        left = max(started[begun - 1] + seconds[begun - 1] - at, 0.0) if begun else 0.0
        return worked[begun] - left

    first, last = _column(started[0], begin, width), _column(started[-1] + seconds[-1], begin, width)
    before = 0.0
    for column in range(first, last + 1):
        after = worked[-1] if column == last else until(begin + (column + 1) * width)
        busy[column] += after - before
        before = after


def _column(at: float, begin: float, width: float) -> int:
    return min(max(int((at - begin) / width), 0), _COLUMNS - 1)


def rate(snapshot: Snapshot) -> float | None:
    """
    Returns how many items end per second: of a running job in the last seconds, of one that is over on average.

    :param snapshot: the job
    :returns: None while no item has ended
    """
    job = snapshot.job
    counts = snapshot.counts
    done = counts["succeeded"] + counts["failed"]
    parts = [part.header for part in snapshot.parts if part.call >= 0]
    ends: list[float] = [end for header in parts for end in map(add, header.started, header.seconds)]
    if not done or not ends:
        return None
    latest = max(ends)
    if snapshot.over:
        return done / max(latest - job.created, _SHORTEST)
    window = min(_WINDOW, max(latest - job.rounds[-1].submitted, 0.1))
    return sum(end > latest - window for end in ends) / window


def _round(seconds: float) -> float:
    """Returns seconds rounded to four significant digits, but at least to whole seconds."""
    if seconds <= 0:
        return 0.0
    return round(seconds, max(3 - math.floor(math.log10(seconds)), 0))
