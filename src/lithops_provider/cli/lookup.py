"""
Finds the job that somebody names on the command line, among those that tasks have published as XComs, and reads its
state. The commands of commands.py that are about one job call this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.utils.session import create_session

from lithops_provider.jobs.errors import InvalidInputError, LithopsJobError, StorageUnavailableError
from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.status.records import failures_shown, summary_of, tasks_of_job
from lithops_provider.status.storage import open_job

if TYPE_CHECKING:
    from typing import Any

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.view.job_view import Snapshot
    from lithops_provider.status.records import TaskRecord

#: An executor id, or its beginning.
_NAMED = re.compile(r"[0-9a-f]{1,16}(-0?)?", re.ASCII)
#: Seconds that a look at a job may take.
_PATIENCE = 300.0


@dataclass(frozen=True)
class FoundJob:
    """
    A job, and the task instance that has published it.

    :param record: the task instance
    :param phase: the job's phase in it
    :param shown: the XCom ``lithops_failures`` of the task instance
    :param summary: the summary of the job, if a task has waited for its end
    """

    record: TaskRecord
    phase: str
    shown: dict[str, Any]
    summary: dict[str, Any] | None

    @property
    def job(self) -> LithopsJob:
        """The job's value."""
        return self.record.jobs[self.phase]

    def client(self) -> LithopsClient:
        """
        Returns the client for the job's storage.

        :raises LithopsJobError: the job isn't the task's, or its storage can't be opened
        """
        return open_job(self.record.key, self.job)

    def look(self) -> tuple[JobView, Snapshot]:
        """
        Reads the state of all items of the job from the storage.

        :returns: the view, and its last snapshot
        :raises StorageUnavailableError: the storage does not answer, or not with all that the state is made of
        """
        view = JobView(self.job, self.client)
        view.refresh(self.job, _PATIENCE)
        snapshot = view.snapshot
        if view.error is not None:
            raise StorageUnavailableError(view.error)
        if snapshot is None or snapshot.unread:
            raise StorageUnavailableError(f"the storage has not told all of the job's state within {_PATIENCE:g} s")
        return view, snapshot


def find_job(named: str) -> FoundJob:
    """
    Returns a job that a task has published.

    :param named: its executor id, or the beginning of it
    :raises InvalidInputError: there is none, or several
    """
    if not _NAMED.fullmatch(named):
        raise InvalidInputError(
            f"JOB must be an executor id, as `airflow lithops jobs list` shows it, or its beginning; got {named!r}"
        )
    with create_session() as session:
        found = [
            FoundJob(record, phase, failures_shown(session, record.key), summary_of(session, record.key, job))
            for record in tasks_of_job(session, named)
            for phase, job in record.jobs.items()
            if job.executor_id.startswith(named)
        ]
    if len({entry.job.executor_id for entry in found}) > 1:
        raise InvalidInputError(f"several jobs begin with {named!r}; give more of the executor id")
    if not found:
        raise InvalidInputError(
            f"no task has published a job {named!r}: it is forgotten when a task is run again, and when XComs are "
            "deleted; `airflow lithops jobs list` shows those that are known"
        )
    return found[0] if len(found) == 1 else _of_its_task(found)


def _of_its_task(found: list[FoundJob]) -> FoundJob:
    """
    Returns the entry of the task that has sent the job. Others have the job's value in their XComs as well, since any
    task may push it; for these `FoundJob.client` raises an error.
    """
    error: LithopsJobError | None = None
    for entry in found:
        try:
            entry.client()
        except LithopsJobError as problem:
            error = problem
        else:
            return entry
    raise error or InvalidInputError("there is no such job")
