"""
Aggregates a job's items into charts that fit on a screen, whether there is one item or a hundred thousand.
`status/answers.py` calls it for the page and the command line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lithops_provider.jobs.view.item_table import FAILED, SUCCEEDED, ItemTable
from lithops_provider.jobs.view.job_view import Snapshot

#: How many bars the histogram, and how many rows and columns the timeline has at most.
_BARS, _ROWS, _COLUMNS = 30, 40, 100
#: Up to so many items, the timeline shows each by itself; with more, it shows how busy calls were.
_SPANS = 400
#: If the longest duration is more than so many times the shortest, the histogram's axis is logarithmic.
_WIDE = 50.0
#: Seconds that any duration counts as at least: shorter ones only tell what measuring costs.
_SHORTEST = 1e-6
#: The rate of a running job is taken from so many last seconds.
_WINDOW = 30.0


def histogram(table: ItemTable) -> dict[str, Any]:
    """
    Returns how many items took how long.

    :param table: the items
    :returns: ``edges`` in seconds, one more than bars; ``succeeded`` and ``failed``, counts by bar; ``log``, whether
        the bars are equally wide on a logarithmic axis; ``median``, ``p95``, ``longest`` and ``sum`` in seconds
    """
    ended = [
        (max(seconds, _SHORTEST), state == FAILED)
        for seconds, state in zip(table.seconds, table.state, strict=True)
        if state in (SUCCEEDED, FAILED)
    ]
    if not ended:
        return {"edges": [], "succeeded": [], "failed": [], "log": False}
    durations = sorted(seconds for seconds, _ in ended)
    low, high = durations[0], durations[-1]
    log = high / low > _WIDE
    bars = 1 if high == low else min(_BARS, max(5, math.ceil(math.sqrt(len(ended)))))
    if log:
        ratio = math.log(high / low) / bars
        edges = [low * math.exp(ratio * number) for number in range(bars + 1)]
    else:
        edges = [low + (high - low) * number / bars for number in range(bars + 1)]
    succeeded, failed = [0] * bars, [0] * bars
    for seconds, has_failed in ended:
        share = 0.0
        if high > low:
            share = math.log(seconds / low) / math.log(high / low) if log else (seconds - low) / (high - low)
        (failed if has_failed else succeeded)[min(int(share * bars), bars - 1)] += 1
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


def timeline(snapshot: Snapshot) -> dict[str, Any]:
    """
    Returns which calls worked when, for a chart.

    :param snapshot: the job
    :returns: ``begin`` and ``end`` in seconds since the epoch; ``rows``, each a call or some neighbouring ones, with
        their ``label``, ``begin``, ``end``, ``done`` and ``failed``, and either ``spans``, for each item its start
        after ``begin``, its seconds and whether it failed; or ``cells``, a text with a character for each of
        ``columns`` equal times: ``0`` to ``9`` for how busy the calls were, ``A`` to ``J`` the same where an item
        failed, a space where none worked
    """
    calls: dict[tuple[int, int], list[tuple[float, float, bool]]] = {}
    for part in snapshot.parts:
        header = part.header
        if part.call < 0:
            continue  # lost items have no times
        found = calls.setdefault((part.round, part.call), [])
        found += [
            (started, seconds, index in header.failures)
            for index, started, seconds in zip(header.index, header.started, header.seconds, strict=True)
        ]
    if not calls:
        return {"rows": []}
    begin = min(started for items in calls.values() for started, _, _ in items)
    end = max(started + seconds for items in calls.values() for started, seconds, _ in items)
    begin = min([begin, *(entry.submitted for entry in snapshot.job.rounds)])
    if not snapshot.over:
        end = max(end, snapshot.taken)
    end = max(end, begin + _SHORTEST)
    keys = sorted(calls)
    size = math.ceil(len(keys) / _ROWS)
    groups = [keys[first : first + size] for first in range(0, len(keys), size)]
    spans = sum(map(len, calls.values())) <= _SPANS
    rows = []
    for group in groups:
        items = [item for key in group for item in calls[key]]
        row: dict[str, Any] = {
            "label": _label(group, len(snapshot.job.rounds) > 1),
            "begin": _round(min(started for started, _, _ in items) - begin),
            "end": _round(max(started + seconds for started, seconds, _ in items) - begin),
            "done": len(items),
            "failed": sum(failed for _, _, failed in items),
        }
        if spans:
            row["spans"] = [[_round(at - begin), _round(seconds), int(failed)] for at, seconds, failed in items]
        else:
            row["cells"] = _cells(items, begin, (end - begin) / _COLUMNS, len(group))
        rows.append(row)
    return {"begin": begin, "end": end, "columns": _COLUMNS, "calls": len(keys), "per_row": size, "rows": rows}


def _label(group: Sequence[tuple[int, int]], many: bool) -> str:
    first, last = ((f"{number}/{call}" if many else str(call)) for number, call in (group[0], group[-1]))
    return first if len(group) == 1 else f"{first}-{last}"


def _cells(items: Sequence[tuple[float, float, bool]], begin: float, width: float, calls: int) -> str:
    busy = [0.0] * _COLUMNS
    full = [0] * (_COLUMNS + 1)  # +1 where a run of columns that an item fills begins, -1 where it ends
    failed = bytearray(_COLUMNS)
    last = _COLUMNS - 1
    for started, seconds, has_failed in items:
        at, until = (started - begin) / width, (started + seconds - begin) / width
        left, right = min(max(int(at), 0), last), min(max(int(until), 0), last)
        if left == right:
            busy[left] += until - at
        else:
            busy[left] += left + 1 - at
            busy[right] += until - right
            full[left + 1] += 1
            full[right] -= 1
        if has_failed:
            failed[right] = 1
    text = []
    running = 0
    for column in range(_COLUMNS):
        running += full[column]
        share = (busy[column] + running) / calls
        if share <= 0 and not failed[column]:
            text.append(" ")
        else:
            level = min(max(int(share * 10), 0), 9)
            text.append(chr((ord("A") if failed[column] else ord("0")) + level))
    return "".join(text)


def rate(snapshot: Snapshot) -> float | None:
    """
    Returns how many items end in a second: of a running job in the last seconds, of one that is over on average.

    :param snapshot: the job
    :returns: None while no item has ended
    """
    job = snapshot.job
    counts = snapshot.counts
    done = counts["succeeded"] + counts["failed"]
    ends = [
        started + seconds
        for part in snapshot.parts
        if part.call >= 0
        for started, seconds in zip(part.header.started, part.header.seconds, strict=True)
    ]
    if not done or not ends:
        return None
    latest = max(ends)
    if snapshot.over:
        return done / max(latest - job.created, _SHORTEST)
    window = min(_WINDOW, max(latest - job.rounds[-1].submitted, 0.1))
    return sum(end > latest - window for end in ends) / window


def _round(seconds: float) -> float:
    """Returns seconds rounded to four significant digits, and to whole seconds if there are more before the point."""
    if seconds <= 0:
        return 0.0
    return round(seconds, max(3 - math.floor(math.log10(seconds)), 0))
