"""Tells whether the process that runs a localhost job is still there."""

from __future__ import annotations

import contextlib
import socket

from lithops_provider.jobs.job import LithopsJob


def runner_is_gone(job: LithopsJob) -> bool:
    """
    Tells whether a localhost job that was started on this machine has no process any more. False for any other: for
    other backends and machines it can't be told, and for containers, whose processes have another command line.

    :param job: the job, whose last round is meant
    """
    here = job.backend == "localhost" and job.host == socket.gethostname() and job.runtime.startswith("/")
    return here and not runner_pids(job)


def runner_pids(job: LithopsJob) -> list[int]:
    """
    Returns the process ids of the runner of a localhost job and of what it forked.

    :param job: the job, whose last round is meant
    """
    import psutil  # comes with Lithops

    job_file = f"{job.executor_id}-{job.job_ids[-1]}-job.json"
    pids = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(argument.endswith(job_file) for argument in process.cmdline()):
                pids.append(process.pid)
    return pids
