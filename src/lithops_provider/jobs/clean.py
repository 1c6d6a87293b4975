"""Deletes what jobs left in storage and, on localhost, on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.processes import is_local
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.results import JOBS_PREFIX

#: Where Lithops puts CloudObjects that are given no key (lithops.constants.TEMP_PREFIX).
TEMP_PREFIX = f"{JOBS_PREFIX}/tmp"  # noqa: S108 - no path of this machine
#: Keys of the objects of a job. The executor ids that we choose, see `LithopsJob.new_executor_id`, look different from
#: Lithops's own. Executors that functions make themselves have ids that begin with that of the function's call.
_OURS = re.compile(rf"{re.escape(JOBS_PREFIX)}/(?:tmp/)?([0-9a-f]{{16}}-0)(?:-[^/]+)?/")


def clean_job(client: LithopsClient, job: LithopsJob) -> int:
    """
    Deletes exactly a job's objects: its own, the CloudObjects that its functions stored in its bucket without a key,
    and what executors that its functions made have left there.

    :param client: where the job ran
    :param job: its value
    :returns: how many objects there were
    :raises StorageUnavailableError: the client looks elsewhere than where the job is
    """
    client.check_holds(job)
    keys = [key for prefix in _prefixes(job.executor_id) for key in client.keys(job.bucket, prefix)]
    client.delete(job.bucket, keys)
    client.delete_messages(job.executor_id)
    if is_local(job):
        for job_id in job.job_ids:
            _clean_local(job.bucket, f"{job.executor_id}-{job_id}")
        _remove(job.bucket, JOBS_PREFIX, job.executor_id)
    return len(keys)


def _prefixes(executor_id: str) -> list[str]:
    """Returns the prefixes of all objects of a job. No other job's executor id goes on with a dash or a slash."""
    return [f"{JOBS_PREFIX}/{executor_id}/", f"{JOBS_PREFIX}/{executor_id}-", f"{TEMP_PREFIX}/{executor_id}-"]


def clean_older_than(client: LithopsClient, seconds: float) -> int:
    """
    Deletes the objects of all of this package's jobs in the configured bucket that were last sent before some time.

    :param client: whose bucket is meant
    :param seconds: the age
    :returns: how many jobs there were
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
    return len(old)


def _last_sent(client: LithopsClient, keys: list[str]) -> float:
    """Returns when the last round of a job was sent; 0 if that isn't known, as when its plan was never stored."""
    times = [0.0]
    for key in keys:
        if key.endswith("/plan") and (plan := client.get_json(client.bucket, key)) is not None:
            times.append(float(plan.get("submitted", 0.0)))
    return max(times)


def _clean_local(bucket: str, job_key: str) -> None:
    """Deletes the files that Lithops's worker leaves on its machine."""
    from lithops.constants import JOBS_DIR, MODULES_DIR

    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(JOBS_DIR, f"{job_key}.done"))
    shutil.rmtree(os.path.join(MODULES_DIR, job_key), ignore_errors=True)
    remove_job_file(bucket, job_key)
    _remove(bucket, JOBS_PREFIX, job_key)


def remove_job_file(bucket: str, job_key: str) -> None:
    """
    Deletes what the runner of the localhost backend got its job from, which holds the configuration, credentials
    included. The runner does that itself, unless it is killed.
    """
    from lithops.constants import LITHOPS_TEMP_DIR

    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(LITHOPS_TEMP_DIR, bucket, JOBS_PREFIX, f"{job_key}-job.json"))


def _remove(*folders: str) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    shutil.rmtree(os.path.join(LITHOPS_TEMP_DIR, *folders), ignore_errors=True)
