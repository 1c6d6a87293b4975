"""
Decides when a deferrable task is deferred, and how long the deferral lasts at least. `task/run.py` and the sensor ask
it.

Airflow's scheduler fails a task ("state mismatch") if the task comes back from a deferral, and is queued again, before
the scheduler has handled the end of the process that deferred it: it takes that end for the end of the new process.
Airflow 3.3.2 still does. So a task must not come back too soon. The scheduler needs a round of its loop, and the
executor's report of the process: a second or two on an idle Airflow, many more under load.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from lithops_provider.jobs.errors import ConfigurationError, JobCancelledError

if TYPE_CHECKING:
    from lithops_provider.jobs.follow.follower import Progress
    from lithops_provider.jobs.job import LithopsJob

#: States of a task instance that say that somebody has marked or cleared it while its process still runs.
_ENDED = {"success", "failed", "skipped", "up_for_retry", "restarting", "removed"}
#: Default of ``defer_after`` in seconds. Most short jobs are over by then, and holding a worker's slot for that time
#: costs less than a deferral, after which Airflow has to start another process.
_DEFER_AFTER = 5.0
#: Default of ``defer_at_least`` in seconds: some rounds of a busy scheduler. A longer time is safer, but tasks whose
#: jobs end sooner come back that much later.
_DEFER_AT_LEAST = 20.0


def check_wanted(ti: Any, job: LithopsJob) -> None:
    """
    Checks that nobody has ended the task while its job was being sent. If somebody has, Airflow refuses the deferral,
    but only after the operator's code has ended, so that nobody would stop the job.

    :param ti: the task instance
    :param job: its job
    :raises JobCancelledError: somebody has ended the task
    """
    states = ti.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    ).get(ti.run_id, {})
    for state in states.values():
        if state in _ENDED:
            raise JobCancelledError(f"job {job.executor_id} is cancelled: its task is {state} by now")


def defer_after() -> float:
    """Returns ``[lithops] defer_after``: seconds for which a deferrable task waits in its worker first."""
    return _seconds("defer_after", _DEFER_AFTER)


def defer_at_least() -> float:
    """Returns ``[lithops] defer_at_least``: seconds that a deferral lasts at least."""
    return _seconds("defer_at_least", _DEFER_AT_LEAST)


def _seconds(option: str, default: float) -> float:
    seconds = float(conf.getfloat("lithops", option, fallback=default))
    if not 0 <= seconds < float("inf"):
        raise ConfigurationError(
            f"[lithops] {option} in Airflow's configuration is {seconds:g}; it has to be a number of seconds from 0 on"
        )
    return seconds


class WorkerWait:
    """Decides how long a deferrable task waits in its worker, counted from when this object is made."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._first = defer_after()
        self._longest = self._first + defer_at_least()

    def enough(self, progress: Progress | None) -> bool:
        """
        Tells whether to defer the task now. It goes on waiting as long as its job, at the rate so far, will be over
        before a deferral could end.

        :param progress: how far the job is; None if that isn't known
        """
        waited = time.monotonic() - self._begin
        if waited < self._first:
            return False
        if waited >= self._longest or progress is None or not progress.done:
            return True
        left = waited * (progress.total - progress.done) / progress.done
        return waited + left > self._longest
