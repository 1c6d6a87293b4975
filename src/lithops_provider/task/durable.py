"""
Remembers a task's jobs in Airflow's task state store, so that a later try goes on where an earlier one was cut off.
`task/run.py` asks it for a job before it sends one, stores each round with it, and has it forget the jobs at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.task.owner import is_try_of

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.submit.spec import JobSpec
    from lithops_provider.task.progress import Log

#: Key in the task state store. Airflow keeps it over retries and Clear.
KEY = "lithops_jobs"
#: Key to which a stored value is moved that can't be read, for users to look at.
UNREADABLE_KEY = "lithops_jobs_unreadable"

#: Words for users who don't want a job of an earlier try to be continued.
_FRESH = "To start afresh instead, delete the key 'lithops_jobs' from the task's state store, or set durable=False."


#: The digests by which a job of an earlier try is recognised, see `JobSpec.digests`.
_DIGESTS = ("items", "shared", "function")


@dataclass(frozen=True)
class KnownJob:
    """
    A job that an earlier try has sent.

    :param job: its value
    :param digests: the digests of its items, of the arguments that they share, and of its function
    """

    job: LithopsJob
    digests: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON."""
        return {"job": self.job.to_dict(), "digests": self.digests}

    @classmethod
    def from_dict(cls, entry: Any) -> KnownJob:
        """
        Reads what `to_dict` returned.

        :raises InvalidInputError: it is something else
        """
        from lithops_provider.jobs.job import LithopsJob

        digests = entry.get("digests") if isinstance(entry, dict) else None
        if not isinstance(digests, dict) or not all(isinstance(digests.get(name), str) for name in _DIGESTS):
            raise InvalidInputError(f"a phase's entry must have a job, and digests of {', '.join(_DIGESTS)}")
        return cls(LithopsJob.from_dict(entry.get("job")), digests)


class DurableState:
    """
    The jobs of a task, by phase: ``call``, ``map``, ``reduce``.

    :param context: Airflow's context of the task
    :param enabled: the operator's parameter ``durable``
    :param log: the operator's log
    """

    def __init__(self, context: Context, enabled: bool, log: Log) -> None:
        self.log = log
        self._ti: Any = context.get("ti")
        self._store: Any = context.get("task_state_store") if enabled else None
        if enabled and self._store is None:
            log.info("This Airflow has no task state store (3.3 has), so a retry starts the job afresh.")

    def load(self) -> dict[str, KnownJob]:
        """
        Returns what `save` stored, by phase. A value that can't be read is moved to another key: users may write to the
        store, and so may another release of this package.
        """
        stored = self._store.get(KEY) if self._store is not None else None
        if stored is None:
            return {}
        try:
            return _read(stored)
        except InvalidInputError as error:
            self._store.set(UNREADABLE_KEY, stored)
            self._store.delete(KEY)
            self.log.warning(
                f"What an earlier try has stored of its jobs can't be read: {error}. It is put aside in the task's "
                f"state store as {UNREADABLE_KEY!r}, and the job is started afresh."
            )
            return {}

    def save(self, phase: str, job: LithopsJob, digests: dict[str, str]) -> None:
        """
        Stores a phase's job, before anything of it is sent.

        :param phase: the phase
        :param job: its value
        :param digests: see `KnownJob`
        """
        if self._store is not None:
            known = {**self.load(), phase: KnownJob(job, digests)}
            self._store.set(KEY, {phase: entry.to_dict() for phase, entry in known.items()})

    def forget(self) -> None:
        """Deletes what is stored, once the task has succeeded, so that its next run starts afresh."""
        if self._store is not None:
            self._store.delete(KEY)

    def find(self, phase: str, client: LithopsClient, spec: JobSpec) -> LithopsJob | None:
        """
        Returns the job that an earlier try sent for the same items. If it was sent for others, it is cancelled. Users
        may write to the store, so a job that is another task's is left alone.

        :param phase: the phase
        :param client: the client of the storage and backend that this try uses
        :param spec: what this try is to do
        :returns: the job; None if none is stored, or if it can't be continued, which is logged with the reason
        """
        from lithops_provider.jobs.cancel import cancel_job
        from lithops_provider.jobs.remote.frames import ItemBlocks
        from lithops_provider.jobs.submit.plan import load_items, load_plan
        from lithops_provider.jobs.submit.spec import same_items

        entry = self.load().get(phase)
        if entry is None:
            return None
        job, known, now = entry.job, entry.digests, spec.digests
        own = (job.storage, job.bucket) == (client.storage_backend, client.bucket) and self._is_own(client, job)
        if (job.storage, job.bucket) != (client.storage_backend, client.bucket):
            reason = f"it is in {job.storage}://{job.bucket}, not in {client.storage_backend}://{client.bucket}"
        elif job.backend != client.backend:
            reason = f"it runs on {job.backend}, not on {client.backend}"
        elif load_plan(client, job, 0) is None:
            reason = "nothing of it was sent, or its data is gone"
        elif not own:
            reason = "nothing in storage says that this task has sent it"
        elif known["items"] != now["items"] and not same_items(load_items(client, job) or ItemBlocks(), spec.items):
            reason = "the items have changed"
        elif known["shared"] != now["shared"]:
            reason = "the arguments that all items share have changed"
        else:
            self.log.info(f"Going on with job {job.executor_id} of an earlier try. {_FRESH}")
            if known["function"] != now["function"]:
                self.log.warning(
                    f"The function {job.function} has changed since. What had succeeded is kept; the rest runs with "
                    f"the new one. {_FRESH}"
                )
            return job
        self.log.warning(f"Job {job.executor_id} of an earlier try is not gone on with: {reason}.")
        if own:
            cancel_job(client, job)
        return None

    def _is_own(self, client: LithopsClient, job: LithopsJob) -> bool:
        """Tells whether a try of this task instance has sent a job, by the owner's record, which is written first."""
        from lithops_provider.jobs.follow.owner import read_owner

        known = read_owner(client, job)
        return known is not None and is_try_of(known.owner, self._ti)


def _read(stored: Any) -> dict[str, KnownJob]:
    if not isinstance(stored, dict):
        raise InvalidInputError(f"it must be a dict of phases, got {type(stored).__name__}")
    return {str(phase): KnownJob.from_dict(entry) for phase, entry in stored.items()}
