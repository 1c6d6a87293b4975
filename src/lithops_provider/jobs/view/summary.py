"""
Makes the summary of a job that is over: a few numbers. `report/summary.py` pushes them to an XCom, and sends them as
metrics and in a span.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import LithopsJobError
from lithops_provider.jobs.remote.keys import STATUS, call_id
from lithops_provider.jobs.submit.plan import load_memory
from lithops_provider.jobs.view.prices import Price, estimate

if TYPE_CHECKING:
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.gather.tally import ItemTally
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.remote.outcomes import Durations

logger = logging.getLogger(__name__)

#: How many calls' statuses are read at most, since each takes a request. Of more calls, a sample is read.
_STATUSES = 16


def summarize(
    client: LithopsClient,
    job: LithopsJob,
    tally: ItemTally,
    prices: Mapping[str, Price],
    *,
    end: float | None = None,
    stopped: bool = False,
    cached: int = 0,
) -> dict[str, Any]:
    """
    Returns a summary of a job that is over, or was stopped, as plain JSON of less than a kilobyte.

    :param client: where the job ran
    :param job: its value
    :param tally: what its calls have reported of its items
    :param prices: by backend
    :param end: when the job was over, in seconds since the epoch; None for now
    :param stopped: whether it was stopped before that
    :param cached: how many items have taken their results from the cache
    :returns: ``job`` (executor id), ``items``, ``succeeded``, ``failed``, ``calls``, ``wall_seconds``; if there are
        any, ``cached`` items, ``retried`` (items sent again, counted each time), and ``unfinished`` items, with whether
        the job was
        ``stopped``; and if durations were read, ``compute_seconds`` of all tries, ``slowest`` (pairs of index and
        seconds), ``peak_memory`` (bytes), ``gb_seconds`` where memory is configured, ``cost`` where there are prices,
        and ``workers``, see `_workers`
    """
    calls = sum(entry.calls for entry in job.rounds)
    unfinished = max(job.items - tally.succeeded - tally.failed, 0)
    found: dict[str, Any] = {
        "job": job.executor_id,
        "items": job.items,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
        "calls": calls,
        "wall_seconds": round((end or time.time()) - job.created, 3),
    }
    if cached:
        found["cached"] = cached
    retried = sum(entry.items for entry in job.rounds) - job.items
    if retried > 0:
        found["retried"] = retried
    if unfinished:
        found |= {"unfinished": unfinished, "stopped": stopped}
    if tally.durations is None:
        return found
    found |= _items(tally.durations)
    seconds = found["compute_seconds"]
    settings = client.config.get(job.backend) or {}
    memory = load_memory(client, job) or settings.get("runtime_memory")
    # How many calls run on one instance at a time, which is paid for once.
    processes = max(int(settings.get("worker_processes") or 1), 1) if job.backend in prices else 1
    gb = memory / 1024 if memory else None
    if gb is not None:
        found["gb_seconds"] = round(seconds / processes * gb, 3)
    if job.backend in prices:
        cost = estimate(
            prices[job.backend],
            seconds=seconds / processes,
            gb=gb,
            vcpus=settings.get("runtime_cpu"),
            requests=math.ceil(calls / processes),
        )
        if cost is not None:
            found["cost"] = cost
    workers = _workers(client, job)
    if workers:
        found["workers"] = workers
    return found


def _items(durations: Durations) -> dict[str, Any]:
    found: dict[str, Any] = {
        "compute_seconds": round(durations.total, 6),
        "slowest": [[item, round(seconds, 6)] for item, seconds in durations.slowest],
    }
    if durations.peak_memory:
        found["peak_memory"] = durations.peak_memory
    return found


def _workers(client: LithopsClient, job: LithopsJob) -> dict[str, Any]:
    """
    Returns what Lithops's workers have reported about the last round's calls, under Lithops's names: sums of seconds
    (``worker_exec_time``, ``worker_func_exec_time``), the most bytes (``worker_peak_memory_end``), and how many calls
    were a ``worker_cold_start``, if the backend tells. If not all calls were read, ``calls`` is how many were.
    """
    calls = job.rounds[-1].calls
    step = max(1, math.ceil(calls / _STATUSES))
    keys = [f"{job.round_prefix()}/{call_id(call)}/{STATUS}" for call in range(0, calls, step)]
    try:
        with ThreadPoolExecutor(len(keys)) as pool:
            found_ones = pool.map(lambda key: client.get_json(job.bucket, key), keys)
            statuses = [status for status in found_ones if status is not None]
    except LithopsJobError:
        logger.warning("The statuses of the calls of job %s can't be read", job.executor_id, exc_info=True)
        return {}
    if not statuses:
        return {}
    found: dict[str, Any] = {"calls": len(statuses)} if len(statuses) < calls else {}
    for status in statuses:  # as Lithops's futures compute it
        if "worker_end_tstamp" in status and "worker_start_tstamp" in status:
            status["worker_exec_time"] = status["worker_end_tstamp"] - status["worker_start_tstamp"]
    for name, together, digits in (
        ("worker_exec_time", sum, 3),
        ("worker_func_exec_time", sum, 3),
        ("worker_peak_memory_end", max, None),
    ):
        values = list(_numbers(status.get(name) for status in statuses))
        if values:
            found[name] = round(together(values), digits)
    cold = [status["worker_cold_start"] for status in statuses if "worker_cold_start" in status]
    if cold:
        found["worker_cold_start"] = sum(map(bool, cold))
    return found


def _numbers(values: Iterable[Any]) -> Iterable[float]:
    return (value for value in values if isinstance(value, (int, float)))
