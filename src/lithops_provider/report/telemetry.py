"""
Sends metrics and spans of jobs to wherever Airflow's own go. A task's run counts each round that it sends;
`report/summary.py` reports the end of a job.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

try:
    from airflow.sdk.observability.stats import Stats
except ImportError:  # Airflow 3.1
    from airflow.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lithops_provider.jobs.job import LithopsJob

_NANOSECONDS = 1_000_000_000


def count_sent(ti: Any, job: LithopsJob) -> None:
    """
    Counts the items and calls of a round that is about to be sent.

    :param ti: the task instance
    :param job: its job, whose last round is about to be sent
    """
    tags, sent = _tags(ti, job), job.rounds[-1]
    Stats.incr("lithops.items_submitted", sent.items, tags=tags)
    Stats.incr("lithops.calls_submitted", sent.calls, tags=tags)
    again = min(sent.items, sum(entry.items for entry in job.rounds) - job.items)
    if again > 0:
        Stats.incr("lithops.items_retried", again, tags=tags)


def tell_of_end(ti: Any, job: LithopsJob, summary: Mapping[str, Any], error: BaseException | None = None) -> None:
    """
    Counts what became of a job's items, and makes a span for the job, from its sending until now, below the task's.

    :param ti: the task instance
    :param job: its job
    :param summary: see `lithops_provider.jobs.view.summary.summarize`
    :param error: the error with which the task fails, which becomes the span's status
    """
    tags = _tags(ti, job)
    Stats.incr("lithops.items_succeeded", summary["succeeded"], tags=tags)
    Stats.incr("lithops.items_failed", summary["failed"], tags=tags)
    if "unfinished" in summary:
        Stats.incr("lithops.items_unfinished", summary["unfinished"], tags=tags)
    Stats.timing("lithops.job_seconds", timedelta(seconds=summary["wall_seconds"]), tags=tags)
    attributes: dict[str, Any] = {
        "lithops.executor_id": job.executor_id,
        "lithops.kind": job.kind,
        "lithops.function": job.function,
        "lithops.backend": job.backend,
        "lithops.storage": job.storage,
        "lithops.runtime": job.runtime,
        "lithops.rounds": len(job.rounds),
    }
    shown = (
        "items",
        "succeeded",
        "failed",
        "unfinished",
        "stopped",
        "cached",
        "retried",
        "calls",
        "compute_seconds",
        "gb_seconds",
    )
    attributes |= {f"lithops.{name}": summary[name] for name in shown if name in summary}
    span = _tracer().start_span(
        f"lithops.{job.kind} {job.function}", attributes=attributes, start_time=int(job.created * _NANOSECONDS)
    )
    for entry in job.rounds:
        span.add_event(
            "round sent",
            {"lithops.job_id": entry.job_id, "lithops.items": entry.items, "lithops.calls": entry.calls},
            timestamp=int(entry.submitted * _NANOSECONDS),
        )
    if error is not None:
        first_line = str(error).partition("\n")[0]
        span.set_status(trace.StatusCode.ERROR, f"{type(error).__name__}: {first_line}")
    span.end(time.time_ns())


def _tags(ti: Any, job: LithopsJob) -> dict[str, str]:
    return {"dag_id": ti.dag_id, "task_id": ti.task_id, "kind": job.kind, "backend": job.backend}


def _tracer() -> trace.Tracer:
    return trace.get_tracer("lithops_provider")
