"""Remembers a task's jobs in Airflow's task state store, so that a later try goes on where one was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.spec import JobSpec
    from lithops_provider.progress import Log

#: Key in the task state store. Airflow keeps it over retries and Clear.
KEY = "lithops_jobs"

#: What to do for those who don't want a job to be gone on with.
_FRESH = "To start afresh instead, delete the key 'lithops_jobs' from the task's state store, or set durable=False."


class DurableState:
    """
    The jobs of a task, by phase: ``call``, ``map``, ``reduce``.

    :param context: Airflow's
    :param enabled: the operator's ``durable``
    :param log: the operator's
    """

    def __init__(self, context: Context, enabled: bool, log: Log) -> None:
        self.log = log
        self._store: Any = context.get("task_state_store") if enabled else None
        if enabled and self._store is None:
            log.info("This Airflow has no task state store (3.3 has), so a retry starts the job afresh.")

    def load(self) -> dict[str, Any]:
        """Returns what `save` stored, by phase."""
        stored = self._store.get(KEY) if self._store is not None else None
        return dict(stored) if isinstance(stored, dict) else {}

    def save(self, phase: str, job: LithopsJob, digests: dict[str, str]) -> None:
        """
        Stores a phase's job, before anything of it is sent.

        :param phase: the phase
        :param job: its value
        :param digests: of its items and function
        """
        if self._store is not None:
            self._store.set(KEY, {**self.load(), phase: {"job": job.to_dict(), "digests": digests}})

    def forget(self) -> None:
        """Has the next run of the task start afresh: it succeeded."""
        if self._store is not None:
            self._store.delete(KEY)

    def find(self, phase: str, client: LithopsClient, spec: JobSpec) -> LithopsJob | None:
        """
        Returns the job that an earlier try sent for the same items.

        :param phase: the phase
        :param client: where it would be
        :param spec: what is to be done now
        :returns: None if there is none, or if it is about something else
        """
        from lithops_provider.jobs.cancel import cancel_job
        from lithops_provider.jobs.job import LithopsJob
        from lithops_provider.jobs.spec import same_items
        from lithops_provider.jobs.submit import load_items, load_plan

        entry = self.load().get(phase)
        if entry is None:
            return None
        job = LithopsJob.from_dict(entry["job"])
        known, now = entry["digests"], spec.digests()
        if (job.storage, job.bucket) != (client.storage_backend, client.bucket):
            reason = f"it is in {job.storage}://{job.bucket}, not in {client.storage_backend}://{client.bucket}"
        elif job.backend != client.backend:
            reason = f"it runs on {job.backend}, not on {client.backend}"
        elif load_plan(client, job, 0) is None:
            reason = "nothing of it was sent, or its data is gone"
        elif known["items"] != now["items"] and not same_items(load_items(client, job) or [], spec.items):
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
        if (job.storage, job.bucket) == (client.storage_backend, client.bucket):
            cancel_job(client, job)
        return None
