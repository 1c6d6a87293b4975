"""Deletes what a job left in storage."""

from __future__ import annotations

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.results import JOBS_PREFIX


def clean_job(client: LithopsClient, job: LithopsJob) -> int:
    """
    Deletes exactly a job's objects.

    :param client: where the job ran
    :param job: its value
    :returns: how many objects there were
    """
    keys = [
        key for job_id in job.job_ids for key in client.keys(job.bucket, f"{JOBS_PREFIX}/{job.executor_id}-{job_id}/")
    ]
    keys += client.keys(job.bucket, f"{JOBS_PREFIX}/{job.executor_id}/")
    client.delete(job.bucket, keys)
    return len(keys)
