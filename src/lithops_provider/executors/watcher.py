"""
Follows the jobs of the executor in a thread, reports what becomes of their calls, and deletes the data of jobs that are
over. sender.py hands it the jobs that it has sent, and adoption.py those of schedulers that have died.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors.records import call_name, delete_record, has_record
from lithops_provider.executors.reports import Again, Report, Reports
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient, LithopsJob, clean_job
from lithops_provider.jobs.errors import LithopsJobError
from lithops_provider.jobs.follow.follower import Follower
from lithops_provider.jobs.follow.processes import is_local
from lithops_provider.jobs.gather.call_ends import CallFailure, failure_of_call
from lithops_provider.jobs.remote.keys import call_id

logger = logging.getLogger(__name__)

#: Seconds between looks at a job if ``poll_interval`` isn't set: in general, and on this machine, where a look costs
#: nothing. A task counts towards [core] parallelism until its end is seen, so that must not take long.
_INTERVAL = 1.0
_INTERVAL_HERE = 0.1
#: Jobs on this machine are looked at together, at multiples of so many seconds. The scheduler then learns at once of
#: all tasks that have ended meanwhile, and those that take their places are sent as one job.
_TOGETHER = 0.25
#: Seconds between looks at a job that another scheduler has sent, as long as none of its workloads was adopted; and
#: seconds for which such a job is kept once it is over. A scheduler that is alive has cleaned up its job by then.
_FOREIGN_INTERVAL = 60.0
_FOREIGN_KEPT = 600.0


#: What the Execution API answers to a call that begins when its token has expired.
_EXPIRED = "Signature has expired"
_EXPIRED_HINT = (
    "; the call began later than its token is valid: raise [scheduler] task_queued_timeout (with Airflow 3.1 "
    "[execution_api] jwt_expiration_time), or lower [core] parallelism to what the backend runs at once"
)


@dataclass(eq=False)
class WatchedJob:
    """
    A job whose calls run workloads, one each.

    :param job: its value
    :param client: the client of its storage
    :param follower: the follower of its only round
    :param foreign: whether another scheduler has sent it
    :param interrupted: whether that scheduler died while it was sending the job
    :param workloads: the workloads that aren't over, by the numbers of their calls
    :param due: `time.monotonic` of the next look
    :param begun: numbers of the calls that have begun
    :param over_since: `time.monotonic` of when a foreign job was seen to be over; None while it isn't
    """

    job: LithopsJob
    client: LithopsClient
    follower: Follower
    foreign: bool = False
    interrupted: bool = False
    workloads: dict[int, Workload] = field(default_factory=dict)
    due: float = 0.0
    begun: set[int] = field(default_factory=set)
    over_since: float | None = None


class Watcher:
    """
    Follows jobs.

    :param reports: gets what becomes of the workloads
    :param poll_interval: seconds between looks at a job, which become rarer while nothing changes; None for what suits
        the job's backend
    """

    def __init__(self, reports: Reports, poll_interval: float | None) -> None:
        self._reports = reports
        self._poll_interval = poll_interval
        self._jobs: list[WatchedJob] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="lithops-executor-watcher", daemon=True)
        self._thread.start()

    def watch(
        self,
        job: LithopsJob,
        client: LithopsClient,
        workloads: Mapping[int, Workload],
        *,
        foreign: bool = False,
        interrupted: bool = False,
    ) -> None:
        """
        Follows a job from now on.

        :param job: its value
        :param client: a client of its storage that nobody else uses
        :param workloads: by the numbers of their calls
        :param foreign: whether another scheduler has sent the job
        :param interrupted: whether that scheduler died while it was sending the job; then only calls that have begun
            are waited for
        """
        with self._lock:
            watched = next((one for one in self._jobs if one.job.executor_id == job.executor_id), None)
            if watched is None or interrupted:
                interval = self._poll_interval or (_INTERVAL_HERE if is_local(job) else _INTERVAL)
                follower = Follower(client, job, interval, interrupted=interrupted)
                if watched is not None:
                    self._jobs.remove(watched)
                watched = WatchedJob(job, client, follower, foreign, interrupted)
                self._jobs.append(watched)
            watched.workloads.update(workloads)
            watched.due = 0.0
        self._reports.extend(
            Report(one, TaskInstanceState.QUEUED, False, call_name(job, number))
            for number, one in workloads.items()
            if one.running is None  # only tasks have a field for the id of their call
        )
        self._wake.set()

    def forget(self, workload: Workload) -> None:
        """Makes no more reports about a workload."""
        with self._lock:
            for watched in self._jobs:
                for number, one in list(watched.workloads.items()):
                    if one is workload:
                        watched.workloads.pop(number, None)  # its end may be reported right now

    def stop(self, seconds: float) -> None:
        """
        Stops the thread. The jobs go on.

        :param seconds: how long to wait at most until it has ended
        """
        self._stopped = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            with self._lock:
                jobs = list(self._jobs)
            for watched in jobs:
                if watched.due <= time.monotonic() and not self._stopped:
                    self._look(watched)
            due = min((watched.due for watched in jobs), default=time.monotonic() + _FOREIGN_INTERVAL)
            self._wake.wait(max(0.0, due - time.monotonic()))

    def _look(self, watched: WatchedJob) -> None:
        """Looks at a job once, and sets when to look again."""
        try:
            watched.follower.poll()
            for number in list(watched.workloads):
                self._report_call(watched, number)
            if watched.follower.over:
                self._finish(watched)
        except LithopsJobError as error:
            logger.warning("Job %s of the executor can't be looked at: %s", watched.job.executor_id, error)
        except Exception:
            logger.exception("Looking at job %s of the executor failed", watched.job.executor_id)
        idle = watched.foreign and not watched.workloads
        watched.due = time.monotonic() + (_FOREIGN_INTERVAL if idle else watched.follower.soon)
        if is_local(watched.job):
            watched.due = math.ceil(watched.due / _TOGETHER) * _TOGETHER
        if idle and not has_record(watched.client, watched.job):
            self._drop(watched)  # its own scheduler has cleaned up

    def _drop(self, watched: WatchedJob) -> None:
        with self._lock:
            if watched in self._jobs:
                self._jobs.remove(watched)

    def _report_call(self, watched: WatchedJob, number: int) -> None:
        """Reports what the last listing says about a call, if that is anything new."""
        state = watched.follower.calls.get(call_id(number))
        workload = watched.workloads.get(number)
        if state is None or workload is None:
            return
        if watched.interrupted and state.ended and not state.done:
            watched.workloads.pop(number, None)
            self._reports.append(Again(workload))
        elif state.done or state.ended:
            failure = failure_of_call(watched.client, watched.job, number, state)
            self._report_end(workload, failure)
            watched.workloads.pop(number, None)
        elif number not in watched.begun:
            watched.begun.add(number)
            if workload.running is not None:
                self._reports.append(Report(workload, workload.running, False))

    def _report_end(self, workload: Workload, failure: CallFailure | None) -> None:
        if failure is None:
            self._reports.append(Report(workload, workload.success, True))
            return
        if failure.type == "TaskAlreadyRunningError":  # the task was revoked, and its next call began first
            self._reports.append(Report(workload, None, True))
            return
        info = f"its call has failed: {failure.type}: {failure.message}"
        state = workload.failure
        if failure.type == "TaskProcessDiedError" and isinstance(workload.key, TaskInstanceKey):
            # What LocalExecutor reports then: a task that was cleared while it ran begins anew at once, and not after
            # its retry_delay; one that still counts as running fails, or is tried again.
            state = workload.success
        if _EXPIRED in failure.message:
            info += _EXPIRED_HINT
        output = "\n".join(filter(None, (failure.output, failure.traceback)))
        self._reports.append(Report(workload, state, True, info, output))

    def _finish(self, watched: WatchedJob) -> None:
        """Reports the failure of calls that can't report it themselves any more, and deletes the job's data."""
        reason = watched.follower.end.lost or "its call never reported"
        for number, workload in list(watched.workloads.items()):
            if watched.foreign and call_id(number) not in watched.follower.calls:
                self._reports.append(Again(workload))  # the scheduler died before it sent this call
            else:
                self._reports.append(Report(workload, workload.failure, True, f"its call is lost: {reason}"))
        watched.workloads.clear()
        if watched.foreign:
            watched.over_since = watched.over_since or time.monotonic()
            if time.monotonic() - watched.over_since < _FOREIGN_KEPT:
                return
        self._drop(watched)
        clean_job(watched.client, watched.job)
        delete_record(watched.client, watched.job)
