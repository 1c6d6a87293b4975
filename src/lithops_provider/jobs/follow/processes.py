"""
Finds the processes on this machine that run a localhost job: follower.py and wait.py ask whether there are any left,
and cancel.py ends them.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from typing import NamedTuple

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.job_value import JOB_LETTERS
from lithops_provider.jobs.remote.isolation import ITEM_PROCESS

#: The last argument of the command line of Lithops's runner is the file of its job; processes that it forks have the
#: same command line. One that was forked itself (adapter/fork_server.py) has a title instead, which ends in the same
#: way, and is followed by the NULs that fill the place of the command line.
_JOB_FILE = re.compile(rf"([0-9a-f]{{16}}-\d+-[{''.join(JOB_LETTERS.values())}]\d+)-job\.json$")
#: Seconds for which a look at the process table is reused for jobs that were sent before it. A trigger process may
#: follow hundreds of jobs, and looking is slow.
_FRESH = 1.0

_lock = threading.Lock()
_seen: dict[str, list[int]] = {}
_seen_at = 0.0


def is_local(job: LithopsJob) -> bool:
    """
    Tells whether the job's processes are on this machine. If it runs in a container, the program that has started the
    container and waits for its end counts, too.

    :param job: the job
    """
    return job.backend == "localhost" and job.host == socket.gethostname()


def runner_is_gone(job: LithopsJob) -> bool:
    """
    Tells whether the last round of a job on this machine has no process any more. False for a job elsewhere.

    :param job: the job
    """
    age = time.time() - job.rounds[-1].submitted
    return is_local(job) and not runner_pids(job, fresh=min(_FRESH, age / 2))


def runner_pids(job: LithopsJob, fresh: float = 0.0) -> list[int]:
    """
    Returns the process ids of the runner of a localhost job's last round, and of the processes that it forked.

    :param job: the job
    :param fresh: how many seconds old an earlier look may be to be used again
    """
    global _seen, _seen_at
    with _lock:
        if time.monotonic() - _seen_at >= fresh:
            _seen = _look()
            _seen_at = time.monotonic()
        return _seen.get(f"{job.executor_id}-{job.job_ids[-1]}", [])


def _look() -> dict[str, list[int]]:
    import psutil  # comes with Lithops

    found: dict[str, list[_Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            arguments = [argument for argument in process.cmdline() if argument]
            match = _JOB_FILE.search(arguments[-1]) if arguments else None
            if match is not None:
                runs_items = process.name() == ITEM_PROCESS
                found.setdefault(match[1], []).append(_Process(process.pid, os.getsid(process.pid), runs_items))
    return {job: _belonging(processes) for job, processes in found.items()}


class _Process(NamedTuple):
    """A process with the command line of a runner, its session, and whether it runs items, or was forked by one."""

    pid: int
    session: int
    runs_items: bool


def _belonging(processes: list[_Process]) -> list[int]:
    """
    Returns the process ids of a job's processes without those that functions have detached from them: forks of a
    process that runs items which are in no session that the runner or a call is in. They are their function's business.
    """
    sessions = {process.session for process in processes if not process.runs_items}
    return [process.pid for process in processes if not process.runs_items or process.session in sessions]
