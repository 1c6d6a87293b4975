"""
Takes over the tasks of a scheduler that has died. A thread reads from the storage and from Airflow's database where the
calls of these tasks are, so that the scheduler's loop waits for neither. The executor makes it and hands it the ids.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import State, TaskInstanceState
from sqlalchemy import select

from lithops_provider.executors.records import read_records
from lithops_provider.executors.reports import Again, Report, Reports, Taken
from lithops_provider.executors.watcher import Watcher
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient, LithopsJob
from lithops_provider.jobs.follow.processes import is_local
from lithops_provider.jobs.remote.keys import BEGIN_NOTHING

logger = logging.getLogger(__name__)

#: Seconds after which a storage or a database that did not answer is asked again.
_PAUSE = 15.0


@dataclass(frozen=True)
class Orphan:
    """
    A task whose scheduler has died.

    :param workload: Airflow's workload of the task
    :param running: whether the task has told Airflow that it runs
    """

    workload: Workload
    running: bool


#: Returns the tasks with these ids that still wait or run.
Load = Callable[[Sequence[Any]], "list[Orphan]"]


def load_orphans(make: Callable[[TaskInstance], Any], ids: Sequence[Any]) -> list[Orphan]:
    """
    Reads tasks from Airflow's database, in a session of this thread.

    :param make: makes Airflow's workload of a task instance
    :param ids: the ids of the task instances
    :returns: those that still wait or run
    """
    wanted = select(TaskInstance).where(TaskInstance.id.in_(ids), TaskInstance.state.in_(State.adoptable_states))
    with create_session() as session:
        return [
            Orphan(Workload.of(make(found)), found.state == TaskInstanceState.RUNNING)
            for found in session.scalars(wanted)
        ]


class Adopter:
    """
    Takes over the jobs of schedulers that have died.

    :param connect: opens the storage in which they have left records
    :param load: reads the tasks, see `load_orphans`
    :param watcher: follows their jobs
    :param reports: takes what becomes of the tasks
    """

    def __init__(self, connect: Callable[[], LithopsClient], load: Load, watcher: Watcher, reports: Reports) -> None:
        self._connect = connect
        self._load = load
        self._watcher = watcher
        self._reports = reports
        self._waiting: queue.SimpleQueue[Sequence[Any] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lithops-executor-adopter", daemon=True)
        self._thread.start()

    def adopt(self, ids: Sequence[Any]) -> None:
        """
        Queues tasks to be taken over by the thread, and returns at once.

        :param ids: ids of the task instances. Without any, the thread only finds the jobs that the scheduler has left,
            and watches them, so that their data is deleted when they are over
        """
        self._waiting.put(ids)

    def stop(self, seconds: float) -> None:
        """
        Stops the thread.

        :param seconds: how long to wait at most until it has ended
        """
        self._stopped.set()
        self._waiting.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (ids := self._waiting.get()) is not None:
            while not self._stopped.is_set():
                try:
                    self._adopt(ids)
                    break
                except Exception:
                    logger.exception(
                        "Where the calls of %d task(s) of another scheduler are can't be read; trying again in %g s",
                        len(ids),
                        _PAUSE,
                    )
                self._stopped.wait(_PAUSE)

    def _adopt(self, ids: Sequence[Any]) -> None:
        client = self._connect()
        # The records are read before the states of the tasks. So a task that runs and has no record has no call either.
        records = read_records(client)
        left = {orphan.workload.id: orphan for orphan in self._load(ids)} if ids else {}
        planned = []
        # A task that was deferred and has come back is in two jobs: the later one counts.
        for record in sorted(records, key=lambda one: one.job.created, reverse=True):
            found = {number: left.pop(one).workload for number, one in enumerate(record.ids) if one in left}
            planned.append((record.job, found, bool(found) and _keep_from_beginning(client, record.job)))
        # From here on nothing can fail, so that no task is taken over twice.
        for job, found, interrupted in planned:
            self._reports.extend(map(Taken, found.values()))
            own = LithopsClient(client.config, patience=0.0)
            self._watcher.watch(job, own, found, foreign=True, interrupted=interrupted)
        self._go_on_without_calls(left.values())

    def _go_on_without_calls(self, orphans: Iterable[Orphan]) -> None:
        """
        Reports what becomes of tasks that are in no job. One that never ran is queued again; one that ran has failed,
        since its call is over and never said how the task ended.
        """
        for orphan in orphans:
            if orphan.running:
                reason = "its call is lost: it was over when another scheduler took over"
                self._reports.append(Taken(orphan.workload))
                self._reports.append(Report(orphan.workload, orphan.workload.failure, True, reason))
            else:
                self._reports.append(Again(orphan.workload))


def _keep_from_beginning(client: LithopsClient, job: LithopsJob) -> bool:
    """
    Tells whether the scheduler died while it was sending a job. If so, calls of the job that haven't begun are kept
    from beginning, because their tasks are queued again.
    """
    if is_local(job) or client.get(job.bucket, job.sent_key()) is not None:
        return False
    client.put(job.stop_key(), BEGIN_NOTHING)
    return True
