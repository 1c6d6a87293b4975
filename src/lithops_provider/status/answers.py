"""
Makes plain JSON of what is known about a job: its value, its progress, a page of its items, one item, all failures. The
page's app (`ui/app.py`) and the commands (`cli/commands.py`) show these answers.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.gather.call_ends import log_of_call
from lithops_provider.jobs.gather.groups import succeeded_text
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.remote.keys import STATUS, call_id
from lithops_provider.jobs.view import charts
from lithops_provider.jobs.view.item_table import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.remote.parts import Header
    from lithops_provider.jobs.view.item_table import Part
    from lithops_provider.jobs.view.job_view import JobView, Snapshot
    from lithops_provider.status.records import TaskRecord

#: How many characters of the end of a call's log are shown.
_LOG = 20_000
#: The entries of Lithops's status of a call that are shown, under Lithops's names.
_STATUS = (
    "activation_id",
    "worker_cold_start",
    "worker_start_tstamp",
    "worker_end_tstamp",
    "worker_exec_time",
    "worker_func_exec_time",
    "worker_func_cpu_usage",
    "worker_peak_memory_start",
    "worker_peak_memory_end",
)

#: The plain numbers of a summary.
_SUMMARY = (
    "items",
    "succeeded",
    "failed",
    "unfinished",
    "cached",
    "retried",
    "calls",
    "wall_seconds",
    "compute_seconds",
    "gb_seconds",
    "peak_memory",
    "min_success_ratio",
)
#: How many groups of failures are shown.
_GROUPS = 10
#: How many characters are shown of the reason for which a task stopped its job.
_REASON = 500


def job_value(record: TaskRecord, phase: str) -> dict[str, Any]:
    """
    Returns the fields of a job's value, which are known even if the storage doesn't answer.

    :param record: the task instance
    :param phase: one of its phases
    """
    job = record.jobs[phase]
    return {
        "executor_id": job.executor_id,
        "kind": job.kind,
        "function": job.function,
        "items": job.items,
        "backend": job.backend,
        "storage": job.storage,
        "bucket": job.bucket,
        "runtime": job.runtime,
        "timeout": job.timeout,
        "host": job.host,
        "created": job.created,
        "rounds": [
            {"job_id": entry.job_id, "items": entry.items, "calls": entry.calls, "submitted": entry.submitted}
            for entry in job.rounds
        ],
    }


def task_value(record: TaskRecord) -> dict[str, Any]:
    """Returns what Airflow knows about the task instance."""
    return {
        "dag_id": record.key.dag_id,
        "run_id": record.key.run_id,
        "task_id": record.key.task_id,
        "map_index": record.key.map_index,
        "state": record.state,
        "try_number": record.try_number,
        "started": record.started,
        "ended": record.ended,
        "operator": record.operator,
    }


def summary(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """
    Returns the summary of a job, without anything that `lithops_provider.jobs.view.summary.summarize` doesn't return:
    users can change XComs.

    :param found: the job's entry in the XCom ``lithops_summary``; None if there is none
    """
    if found is None:
        return None
    answer: dict[str, Any] = {name: found[name] for name in _SUMMARY if _is_number(found.get(name))}
    slowest = found.get("slowest")
    answer["slowest"] = [
        entry
        for entry in (slowest if isinstance(slowest, list) else [])[:10]
        if isinstance(entry, list) and len(entry) == 2 and type(entry[0]) is int and _is_number(entry[1])
    ]
    cost, workers = found.get("cost"), found.get("workers")
    if isinstance(cost, dict) and _is_number(cost.get("estimate")):
        words = {name: str(cost.get(name, ""))[:100] for name in ("currency", "region")}
        answer["cost"] = {"estimate": cost["estimate"], **words}
    if isinstance(workers, dict):
        numbers = {str(name)[:40]: value for name, value in workers.items() if _is_number(value)}
        answer["workers"] = dict(list(numbers.items())[:10])
    if isinstance(found.get("reason"), str):
        answer["reason"] = found["reason"][:_REASON]
    return answer


def why(snapshot: Snapshot, summary: dict[str, Any] | None) -> dict[str, Any] | None:
    """
    Returns why a job failed, or which of its items have failed so far. Tracebacks are left out, see `traceback`.

    :param snapshot: the last snapshot of the job
    :param summary: what `summary` returns
    :returns: ``text``; how many items are ``unfinished``; the ``reason`` for which the job was stopped; ``groups``, and
        how many ``more`` there are. None if no item has failed, and none was left unfinished
    """
    counts, table, summary = snapshot.counts, snapshot.table, summary or {}
    left = counts["waiting"] + counts["running"]
    if not counts["failed"] and not (snapshot.over and left):
        return None
    text = f"{counts['failed']} of {snapshot.job.items} failed so far"
    if snapshot.over:
        needed = summary.get("min_success_ratio")
        known = needed if needed is not None and 0 <= needed <= 1 else None
        text = succeeded_text(counts["succeeded"], snapshot.job.items, known)
    groups = table.groups()
    return {
        "text": text,
        "unfinished": left if snapshot.over else 0,
        "reason": summary.get("reason"),
        "groups": [group.to_dict() for group in groups[:_GROUPS]],
        "more": max(len(groups) - _GROUPS, 0),
    }


def _is_number(value: Any) -> bool:
    """Tells whether a value is a number within the range of a float. JSON may have larger ones."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def progress(view: JobView, snapshot: Snapshot, *, with_charts: bool) -> dict[str, Any]:
    """
    Returns how far a job is.

    :param view: the view of the job
    :param snapshot: its last snapshot
    :param with_charts: whether the timeline and the histogram are wanted
    """
    counts = snapshot.counts
    job = snapshot.job
    ended = counts["succeeded"] + counts["failed"]
    speed = charts.rate(snapshot)
    end = time.time()
    if snapshot.over:
        last = (part.header.started[-1] + part.header.seconds[-1] for part in snapshot.parts if part.header.started)
        end = max(last, default=job.created)
    answer: dict[str, Any] = {
        "version": snapshot.version,
        "age": round(time.time() - snapshot.taken, 1),
        "state": snapshot.state,
        "over": snapshot.over,
        "gone": snapshot.gone,
        "counts": counts,
        "unread": snapshot.unread,
        "damaged": snapshot.damaged,
        "rate": speed,
        "left": (job.items - ended) / speed if speed and not snapshot.over else None,
        "seconds": end - job.created,
        "rounds": [
            {
                "calls": len(entry.calls),
                "ended": entry.ended,
                "done": entry.done,
                "failed": entry.failed,
                "stopped": entry.stopped,
                "cached": entry.cached,
            }
            for entry in snapshot.rounds
        ],
        "retried": sum(number > 1 for number in snapshot.table.attempts),
        "peak_memory": max(snapshot.table.peak_memory, default=0) or None,
    }
    if with_charts:
        answer["histogram"] = charts.histogram(snapshot.table)
        answer["timeline"] = charts.timeline(snapshot)
    return answer


def items(
    snapshot: Snapshot, *, sort: str, descending: bool, states: list[str], search: str, first: int, count: int
) -> dict[str, Any]:
    """Returns a page of the table; the parameters are those of `ItemTable.select`."""
    table = snapshot.table
    found = table.select(sort=sort, descending=descending, states=states, search=search)
    return {
        "version": snapshot.version,
        "now": time.time(),
        "total": len(found),
        "first": first,
        "rows": [_row(snapshot, index) for index in found[first : first + count]],
    }


def _row(snapshot: Snapshot, index: int) -> dict[str, Any]:
    """Returns a row of the table, with Lithops's name of the item's round."""
    row = snapshot.table.row(index)
    return {**row, "job_id": snapshot.job.rounds[row["round"]].job_id}


def item(view: JobView, snapshot: Snapshot, index: int, shown: dict[str, Any], conn_id: str) -> dict[str, Any]:
    """
    Returns all that can be known about an item without unpickling anything.

    :param view: the view of the job
    :param snapshot: its last snapshot
    :param index: the item's index
    :param shown: the XCom ``lithops_failures``, which has the arguments of the first items that failed
    :param conn_id: the connection, for the snippet
    """
    job = snapshot.job
    tries = []
    for part in sorted(snapshot.parts, key=lambda part: part.round):
        if index in part.header.index:
            tries.append(_attempt(view, job, part, index))
    arguments = None
    if shown.get("job") == job.executor_id:
        entries = shown.get("items")
        known = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)]
        arguments = next((str(entry.get("item", "")) for entry in known if entry.get("index") == index), None)
    return {
        **snapshot.table.row(index),
        "arguments": arguments,
        "tries": tries,
        "snippet": snippet(job, index, conn_id),
    }


def snippet(job: LithopsJob, index: int, conn_id: str) -> str:
    """
    Returns Python code with which a user can run an item again, and debug it.

    :param job: the job
    :param index: the item's index
    :param conn_id: the connection
    """
    value = json.dumps(job.to_dict())
    return (
        f"# Item {index} of {job.function}, job {job.executor_id}: runs it here, with the arguments that it had.\n"
        "import json\n\n"
        "from lithops_provider.hooks import LithopsHook\n\n"
        f"job = json.loads({value!r})\n"
        f"call = LithopsHook({conn_id!r}).load_item(job, {index})\n"
        "print(call)  # the function and its arguments\n"
        "result = call()\n"
    )


def failures(view: JobView, snapshot: Snapshot) -> Iterator[str]:
    """
    Yields the failures of the items that count as failed so far, each as a line of JSON.

    :param view: the view of the job
    :param snapshot: its last snapshot
    """
    table, job = snapshot.table, snapshot.job
    for part in snapshot.parts:
        wanted = [
            index
            for index in part.header.failures
            if table.state[index] == FAILED and (table.round[index], table.call[index]) == (part.round, part.call)
        ]
        header = _read(view, job, part) if wanted else None
        for index in sorted(wanted):
            failure = header.failures.get(index) if header is not None else None
            if failure is None:  # the part is gone by now, so only the table has the failure
                failure = {"type": "", "message": table.failure_text(index), "traceback": ""}
            line = {
                "index": index,
                "type": failure.get("type"),
                "message": failure.get("message"),
                "traceback": failure.get("traceback"),
                "job_id": job.rounds[part.round].job_id,
                "call": part.call,
                "seconds": table.seconds[index],
            }
            yield json.dumps(line) + "\n"


def traceback(view: JobView, snapshot: Snapshot, index: int) -> str:
    """
    Returns the traceback of an item's last failure; empty if it is gone, or there is none.

    :param view: the view of the job
    :param snapshot: its last snapshot
    :param index: the item's index
    """
    table = snapshot.table
    for part in snapshot.parts:
        if (part.round, part.call) == (table.round[index], table.call[index]) and index in part.header.failures:
            header = _read(view, snapshot.job, part)
            failure = header.failures.get(index) if header is not None else None
            return "" if failure is None else str(failure.get("traceback", ""))
    return ""


def _attempt(view: JobView, job: LithopsJob, part: Part, index: int) -> dict[str, Any]:
    header = _read(view, job, part)
    position = part.header.index.index(index)
    status = _status(view, job, part)
    return {
        "round": part.round,
        "job_id": job.rounds[part.round].job_id,
        "call": part.call,
        "started": part.header.started[position],
        "seconds": part.header.seconds[position],
        "peak_memory": part.header.peak_memory[position] or None,
        "failure": _failure(part, header, index),
        "output": header.output.get(index, "") if header is not None else "",
        "status": {name: status[name] for name in _STATUS if isinstance(status.get(name), (str, int, float, bool))},
        "log": log_of_call(status, _LOG),
    }


def _failure(part: Part, header: Header | None, index: int) -> dict[str, str] | None:
    """Returns why an item of a part failed. If the part is gone by now, only the short form is there, as ``text``."""
    if header is None:
        short = part.failures.get(index)
        return None if short is None else {"type": short.type, "message": "", "traceback": "", "text": short.text}
    failure = header.failures.get(index)
    if failure is None:
        return None
    return {**{name: str(failure.get(name, "")) for name in ("type", "message", "traceback")}, "text": ""}


def _read(view: JobView, job: LithopsJob, part: Part) -> Header | None:
    try:
        return read_header(view.client(), job.bucket, part.key, job.items)
    except ValueError:
        return None


def _status(view: JobView, job: LithopsJob, part: Part) -> dict[str, Any]:
    """Returns Lithops's status of a call. The exception in it is pickled, and isn't unpickled here."""
    key = f"{job.round_prefix(part.round)}/{call_id(part.call)}/{STATUS}"
    return view.client().get_json(job.bucket, key) or {}
