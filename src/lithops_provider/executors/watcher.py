"""Follows the jobs of the executor, in a thread, and cleans up behind them."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from airflow.utils.state import TaskInstanceState

from lithops_provider.executors.records import delete_record
from lithops_provider.executors.reports import Report, Reports
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient, LithopsJob, clean_job
from lithops_provider.jobs.errors import LithopsJobError
from lithops_provider.jobs.follow.follower import Follower
from lithops_provider.jobs.gather.call_ends import failure_of_call

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class WatchedJob:
    """
    A job whose calls run workloads, one each.

    :param job: its value
    :param client: for its storage
    :param follower: of its only round
    :param workloads: by the numbers of their calls; those that are over are taken out
    :param due: `time.monotonic` of the next look
    """

    job: LithopsJob
    client: LithopsClient
    follower: Follower
    workloads: dict[int, Workload]
    due: float = 0.0
    begun: set[int] = field(default_factory=set)


class Watcher:
    """
    Follows jobs.

    :param reports: takes what becomes of their workloads
    :param poll_interval: seconds between looks at a job; they become rarer while nothing changes
    """

    def __init__(self, reports: Reports, poll_interval: float) -> None:
        self._reports = reports
        self._poll_interval = poll_interval
        self._jobs: list[WatchedJob] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="lithops-executor-watcher", daemon=True)
        self._thread.start()

    def watch(self, job: LithopsJob, client: LithopsClient, workloads: list[Workload]) -> None:
        """
        Follows a job from now on.

        :param job: its value
        :param client: for its storage, used by nobody else
        :param workloads: in the order of its items, each of which is a call
        """
        follower = Follower(client, job, self._poll_interval)
        watched = WatchedJob(job, client, follower, dict(enumerate(workloads)))
        self._reports.extend(
            Report(one, TaskInstanceState.QUEUED, False, f"{job.executor_id}-{job.job_ids[-1]}/{number:05d}")
            for number, one in watched.workloads.items()
            if one.running is None  # only tasks have a field for the id of their call
        )
        with self._lock:
            self._jobs.append(watched)
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """
        Leaves off. The jobs go on.

        :param seconds: how long to wait until it has
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
            due = min((watched.due for watched in jobs), default=time.monotonic() + 60.0)
            self._wake.wait(max(0.0, due - time.monotonic()))

    def _look(self, watched: WatchedJob) -> None:
        """Looks at a job once, and says when to look again."""
        try:
            watched.follower.poll()
            for number in list(watched.workloads):
                self._judge(watched, number)
            if watched.follower.over:
                self._finish(watched)
        except LithopsJobError as error:
            logger.warning("Job %s of the executor can't be looked at: %s", watched.job.executor_id, error)
        except Exception:
            logger.exception("Looking at job %s of the executor failed", watched.job.executor_id)
        watched.due = time.monotonic() + watched.follower.delay

    def _judge(self, watched: WatchedJob, number: int) -> None:
        """Reports what a listing says of a call, if that is anything new."""
        state = watched.follower.calls.get(f"{number:05d}")
        workload = watched.workloads[number]
        if state is None:
            return
        if state.done or state.ended:
            failure = failure_of_call(watched.client, watched.job, number, state)
            self._report_end(workload, failure)
            del watched.workloads[number]
        elif number not in watched.begun:
            watched.begun.add(number)
            if workload.running is not None:
                self._reports.append(Report(workload, workload.running, False))

    def _report_end(self, workload: Workload, failure: dict[str, str] | None) -> None:
        if failure is None:
            self._reports.append(Report(workload, workload.success, True))
            return
        info = f"its call has failed: {failure['type']}: {failure['message']}"
        output = "\n".join(filter(None, (failure["output"], failure["traceback"])))
        self._reports.append(Report(workload, workload.failure, True, info, output))

    def _finish(self, watched: WatchedJob) -> None:
        """Reports calls that can't report any more, and deletes what the job has left."""
        reason = watched.follower.end.lost or "its call never reported"
        for workload in watched.workloads.values():
            self._reports.append(Report(workload, workload.failure, True, f"its call is lost: {reason}"))
        watched.workloads.clear()
        with self._lock:
            self._jobs.remove(watched)
        clean_job(watched.client, watched.job)
        delete_record(watched.client, watched.job)
