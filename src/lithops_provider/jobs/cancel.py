"""
Stops a job: puts a marker into storage that its functions look for, and uses the backend's own way of stopping calls
where it has one. `JobRun`, the trigger, the hook and the command line call it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from lithops_provider.jobs.adapter.compute import STOPPING_BACKENDS
from lithops_provider.jobs.clean import remove_job_file
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.owner import is_owner
from lithops_provider.jobs.follow.processes import is_local, runner_pids
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import STOP_ALL

#: Seconds between SIGTERM and SIGKILL, in which the processes of a localhost job store the outcomes they have. A task
#: that Airflow kills has 5 seconds for everything.
_TO_STORE = 1.5


def cancel_job(client: LithopsClient, job: LithopsJob, owner: str | None = None) -> bool:
    """
    Stops a job. Any process with the same configuration can do that.

    :param client: where the job runs
    :param job: its value
    :param owner: who wants the job stopped. If another owner is recorded by now, the job goes on. None stops it in any
        case
    :returns: whether the job was stopped
    :raises StorageUnavailableError: the job isn't in the storage and bucket of this client
    """
    client.check_holds(job)
    if not job.rounds:
        return False
    if owner is not None and not is_owner(client, job, owner):
        return False
    client.put(job.stop_key(), STOP_ALL)
    # If the connection was changed since, and names another backend, the calls are told by the marker alone.
    if job.backend == client.backend and job.backend in STOPPING_BACKENDS:
        client.compute.stop(job.executor_id, job.job_ids[-1])
    if is_local(job):
        _kill(runner_pids(job))
        remove_job_file(job.bucket, f"{job.executor_id}-{job.job_ids[-1]}")
    return True


def _kill(pids: list[int]) -> None:
    """
    Ends the runner of a localhost job and everything that it has started. The runner leads a session. In it, each
    process that runs items leads a process group of its own, so that what its functions have started ends with it.
    """
    groups = set()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    # The runner's group comes first: if a call saw the process of its items die before it heard of the end itself, it
    # would report that the items had killed their process.
    ordered = sorted(groups, key=lambda group: not _leads_session(group))
    for number in (signal.SIGTERM, signal.SIGKILL):  # after SIGTERM there is time to store outcomes
        for group in ordered:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        end = time.monotonic() + _TO_STORE
        while number == signal.SIGTERM and time.monotonic() < end and any(_exists(group) for group in ordered):
            time.sleep(0.05)


def _leads_session(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid) == pid
    return False


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # another user's can't be ended from here, so nobody waits for it
        return False
    return True
