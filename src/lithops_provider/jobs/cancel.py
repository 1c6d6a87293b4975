"""Stops a job: by a marker in storage that its functions look for, and by the backend's own means where it has one."""

from __future__ import annotations

import contextlib
import os
import signal

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.liveness import is_local, runner_pids


def cancel_job(client: LithopsClient, job: LithopsJob, owner: str | None = None) -> bool:
    """
    Stops a job. Any process with the same configuration can.

    :param client: where the job runs
    :param job: its value
    :param owner: who wants it stopped; if somebody else waits for it by now, it goes on
    :returns: whether it was stopped
    """
    if not job.rounds:
        return False
    if owner is not None and not is_owner(client, job, owner):
        return False
    if is_local(job):
        _kill(runner_pids(job))
    client.put(job.stop_key(), b"")
    return True


def set_owner(client: LithopsClient, job: LithopsJob, owner: str) -> None:
    """
    Says who waits for a job from now on. After a Clear the next try may take over a job before the last one, or
    its trigger, comes to stop it.

    :param client: where the job runs
    :param job: its value
    :param owner: any text that no other waiter has
    """
    client.put(job.owner_key, owner.encode())


def is_owner(client: LithopsClient, job: LithopsJob, owner: str) -> bool:
    """Tells whether nobody else has said that they wait for the job."""
    known = client.get(job.bucket, job.owner_key)
    return known is None or known.decode() == owner


def _kill(pids: list[int]) -> None:
    """Kills the runner with all it forked: it leads a session, and so a process group, of its own."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
