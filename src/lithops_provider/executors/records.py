"""
Writes, reads and deletes records: objects in storage that say which workloads were sent as which job. A record is
written before its job is sent, and deleted once the job is over. By the records, another scheduler's executor finds the
calls of a scheduler that was killed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs import LithopsClient, LithopsJob
from lithops_provider.jobs.errors import InvalidInputError, LithopsJobError
from lithops_provider.jobs.remote.keys import JOBS_PREFIX, call_id

logger = logging.getLogger(__name__)

#: Where the records lie, in the bucket of the jobs.
PREFIX = f"{JOBS_PREFIX}/airflow-executor/"


@dataclass(frozen=True)
class JobRecord:
    """
    What is recorded of a job of the executor.

    :param job: the job's value
    :param ids: the `Workload.id` of each of its items, in their order
    """

    job: LithopsJob
    ids: tuple[str, ...]

    @property
    def key(self) -> str:
        """Key of the record in storage."""
        return f"{PREFIX}{self.job.executor_id}.json"

    def to_json(self) -> bytes:
        """Returns the content of the object in storage."""
        return json.dumps({"job": self.job.to_dict(), "ids": self.ids}).encode()

    @classmethod
    def from_json(cls, value: Any) -> JobRecord:
        """
        Makes a record of the content of an object in storage.

        :param value: the JSON of the object
        :raises InvalidInputError: it is something else, or damaged
        """
        job = LithopsJob.from_dict(value.get("job"))
        ids = value.get("ids")
        if not isinstance(ids, list) or len(ids) != job.items or not all(isinstance(one, str) for one in ids):
            raise InvalidInputError(f"the record of job {job.executor_id} must have the ids of its {job.items} items")
        return cls(job, tuple(ids))


def call_name(job: LithopsJob, number: int) -> str:
    """
    Returns the name of a call, which Airflow shows as the external executor id of a task.

    :param job: the value of the call's job
    :param number: the call's number in that job
    """
    return f"{job.executor_id}-{job.job_ids[-1]}/{call_id(number)}"


def write_record(client: LithopsClient, job: LithopsJob, ids: Sequence[str]) -> None:
    """
    Records a job. It must be called before anything of the job is sent.

    :param client: the client of the backend that the job is for
    :param job: its value
    :param ids: the `Workload.id` of each of its items
    """
    record = JobRecord(job, tuple(ids))
    client.put(record.key, record.to_json())


def read_records(client: LithopsClient) -> list[JobRecord]:
    """
    Returns the records of all jobs that executors have sent and that aren't over.

    :param client: its bucket is the one with the records
    :raises LithopsJobError: the storage doesn't answer
    """
    records = []
    for key in client.keys(client.bucket, PREFIX):
        value = client.get_json(client.bucket, key)
        if value is None:
            continue  # the job is over by now
        try:
            record = JobRecord.from_json(value)
            client.check_holds(record.job)
        except LithopsJobError as error:
            logger.warning("%s is no record of a job, and is left alone: %s", key, error)
            continue
        records.append(record)
    return records


def has_record(client: LithopsClient, job: LithopsJob) -> bool:
    """
    Tells whether a job still has its record; True, too, if the storage doesn't answer.

    :param client: where the job runs
    :param job: its value
    """
    try:
        return client.get(job.bucket, JobRecord(job, ()).key) is not None
    except LithopsJobError:
        return True


def delete_record(client: LithopsClient, job: LithopsJob) -> None:
    """
    Deletes the record of a job that is over.

    :param client: where it is
    :param job: its value
    """
    client.delete(job.bucket, [JobRecord(job, ()).key])
