"""Stops a job: by a marker in storage that its functions look for, and by the backend's own means where it has one."""

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

#: What the stop marker holds if calls that have begun may go on.
BEGIN_NOTHING = b"begin nothing"

#: Seconds that the processes of a localhost job have to store what is done. A task that is killed has 5 in all.
_TO_STORE = 1.5


def cancel_job(client: LithopsClient, job: LithopsJob, owner: str | None = None) -> bool:
    """
    Stops a job. Any process with the same configuration can.

    :param client: where the job runs
    :param job: its value
    :param owner: who wants it stopped; if somebody else waits for it by now, it goes on
    :returns: whether it was stopped
    :raises StorageUnavailableError: the client looks elsewhere than where the job is
    """
    client.check_holds(job)
    if not job.rounds:
        return False
    if owner is not None and not is_owner(client, job, owner):
        return False
    client.put(job.stop_key(), b"stop")
    if job.backend in STOPPING_BACKENDS:
        client.compute.stop(job.executor_id, job.job_ids[-1])
    if is_local(job):
        _kill(runner_pids(job))
        remove_job_file(job.bucket, f"{job.executor_id}-{job.job_ids[-1]}")
    return True


def _kill(pids: list[int]) -> None:
    """
    Ends the runner with all it forked: it leads a session, in which each process that runs items leads a process group
    of its own, for what its functions start.
    """
    groups = set()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    # The runner's group first: calls have to know that they are to end before the processes do that run their items,
    # or else they would blame the items.
    ordered = sorted(groups, key=lambda group: not _leads_session(group))
    for number in (signal.SIGTERM, signal.SIGKILL):  # first so that what is done can be stored
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
    except ProcessLookupError:
        return False
    return True
