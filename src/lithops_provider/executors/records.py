"""
Records in storage which workloads went as which job. Each record is written before its job is sent and deleted once the
job is over. So the executor of another scheduler finds the calls of one that was killed, and goes on with them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs import LithopsClient, LithopsJob
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.remote.results import JOBS_PREFIX

#: Where the records lie, in the bucket of the jobs.
PREFIX = f"{JOBS_PREFIX}/airflow-executor/"


@dataclass(frozen=True)
class JobRecord:
    """
    A job of the executor.

    :param job: its value
    :param ids: the `Workload.id` of each of its items, in their order
    """

    job: LithopsJob
    ids: tuple[str, ...]

    @property
    def key(self) -> str:
        """Key of the record in storage."""
        return f"{PREFIX}{self.job.executor_id}.json"

    def to_json(self) -> bytes:
        """Returns what is stored."""
        return json.dumps({"job": self.job.to_dict(), "ids": self.ids}).encode()

    @classmethod
    def from_json(cls, value: Any) -> JobRecord:
        """
        Makes a record of what was stored.

        :raises InvalidInputError: it is something else, or damaged
        """
        job = LithopsJob.from_dict(value.get("job"))
        ids = value.get("ids")
        if not isinstance(ids, list) or len(ids) != job.items or not all(isinstance(one, str) for one in ids):
            raise InvalidInputError(f"the record of job {job.executor_id} must have the ids of its {job.items} items")
        return cls(job, tuple(ids))


def write_record(client: LithopsClient, job: LithopsJob, ids: Sequence[str]) -> None:
    """
    Records a job. To be called before anything of it is sent.

    :param client: where it runs
    :param job: its value
    :param ids: the `Workload.id` of each of its items
    """
    record = JobRecord(job, tuple(ids))
    client.put(record.key, record.to_json())


def delete_record(client: LithopsClient, job: LithopsJob) -> None:
    """
    Deletes the record of a job that is over.

    :param client: where it is
    :param job: its value
    """
    client.delete(job.bucket, [JobRecord(job, ()).key])
