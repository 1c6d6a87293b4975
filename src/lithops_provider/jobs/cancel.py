"""Stops a job: by a marker in storage that its functions look for, and by the backend's own means where it has one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.liveness import runner_pids


def cancel_job(client: LithopsClient, job: LithopsJob) -> None:
    """
    Stops a job. Any process with the same configuration can.

    :param client: where the job runs
    :param job: its value
    """
    if job.backend == "localhost" and job.host == socket.gethostname():
        _kill_local(job)
    client.put(job.cancel_key, b"")


def _kill_local(job: LithopsJob) -> None:
    for pid in runner_pids(job):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # the runner leads a session of its own
