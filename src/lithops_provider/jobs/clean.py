"""
Deletes what jobs left in storage and, on localhost, on this machine. Tasks with ``clean_data``, the hook, the command
line and `JobRun.clean` call it.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import shutil
import time

from lithops_provider.jobs.adapter.time_limit import at_once
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.processes import is_local
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import JOBS_PREFIX, PLAN
from lithops_provider.jobs.submit.cache.entries import clear_cache

#: Where Lithops puts CloudObjects that are given no key (lithops.constants.TEMP_PREFIX).
TEMP_PREFIX = f"{JOBS_PREFIX}/tmp"  # noqa: S108 - no path of this machine
#: Matches the keys of this package's jobs, and only those: the executor ids from `LithopsJob.new_executor_id` look
#: different from Lithops's own. An executor that a function makes has an id that begins with its job's executor id.
_OURS = re.compile(rf"{re.escape(JOBS_PREFIX)}/(?:tmp/)?([0-9a-f]{{16}}-0)(?:-[^/]+)?/")


def clean_job(client: LithopsClient, job: LithopsJob) -> int:
    """
    Deletes the objects of one job and of no other: those that this package and Lithops stored for it, the CloudObjects
    that its functions stored in its bucket without a key, and what executors that its functions made have left there.

    :param client: where the job ran
    :param job: its value
    :returns: how many objects there were
    :raises StorageUnavailableError: the job isn't in the storage and bucket of this client
    """
    client.check_holds(job)
    listings = [functools.partial(client.keys, job.bucket, prefix) for prefix in _prefixes(job.executor_id)]
    keys = list(itertools.chain.from_iterable(at_once(*listings)))
    client.delete(job.bucket, keys)
    client.delete_messages(job.executor_id)
    if is_local(job):
        for job_id in job.job_ids:
            _clean_local(job.bucket, f"{job.executor_id}-{job_id}")
        _remove(job.bucket, JOBS_PREFIX, job.executor_id)
    return len(keys)


def _prefixes(executor_id: str) -> list[str]:
    """
    Returns the prefixes of all objects of a job. Each ends with a slash or a dash, so that it isn't also the beginning
    of another job's executor id.
    """
    return [f"{JOBS_PREFIX}/{executor_id}/", f"{JOBS_PREFIX}/{executor_id}-", f"{TEMP_PREFIX}/{executor_id}-"]


def clean_older_than(client: LithopsClient, seconds: float) -> int:
    """
    Deletes the objects of this package's jobs in the configured bucket whose last round was sent long ago, and cached
    results that were made then.

    :param client: its bucket is cleaned
    :param seconds: how many seconds ago that must have been at least
    :returns: how many jobs were deleted
    """
    jobs: dict[str, list[str]] = {}
    for key in client.keys(client.bucket, f"{JOBS_PREFIX}/"):
        match = _OURS.match(key)
        if match is not None:
            jobs.setdefault(match[1], []).append(key)
    old = [executor_id for executor_id, keys in jobs.items() if _last_sent(client, keys) < time.time() - seconds]
    for executor_id in old:
        client.delete(client.bucket, jobs[executor_id])
        client.delete_messages(executor_id)
        if client.backend == "localhost":
            for folder in {key.split("/")[1] for key in jobs[executor_id] if not key.startswith(TEMP_PREFIX)}:
                _clean_local(client.bucket, folder)
    clear_cache(client, seconds)
    return len(old)


def _last_sent(client: LithopsClient, keys: list[str]) -> float:
    """Returns when the last round of a job was sent; 0 if no plan, which holds that time, was ever stored."""
    times = [0.0]
    for key in keys:
        if key.endswith(f"/{PLAN}") and (plan := client.get_json(client.bucket, key)) is not None:
            submitted = plan.get("submitted")
            times.append(submitted if isinstance(submitted, (int, float)) else 0.0)  # a function may have written it
    return max(times)


def _clean_local(bucket: str, job_key: str) -> None:
    """Deletes the files that Lithops's localhost runner and workers leave on this machine for a round."""
    from lithops.constants import JOBS_DIR, MODULES_DIR

    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(JOBS_DIR, f"{job_key}.done"))
    shutil.rmtree(os.path.join(MODULES_DIR, job_key), ignore_errors=True)
    remove_job_file(bucket, job_key)
    _remove(bucket, JOBS_PREFIX, job_key)


def remove_job_file(bucket: str, job_key: str) -> None:
    """
    Deletes the file from which the runner of the localhost backend reads its job. It holds the configuration with its
    credentials. The runner deletes it itself, unless it is killed before.
    """
    from lithops.constants import LITHOPS_TEMP_DIR

    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(LITHOPS_TEMP_DIR, bucket, JOBS_PREFIX, f"{job_key}-job.json"))


def _remove(*folders: str) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    shutil.rmtree(os.path.join(LITHOPS_TEMP_DIR, *folders), ignore_errors=True)
