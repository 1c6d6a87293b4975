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
from typing import TYPE_CHECKING, NamedTuple

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.job_value import JOB_LETTERS
from lithops_provider.jobs.remote.isolation import ITEM_PROCESS

if TYPE_CHECKING:
    import psutil

#: Matches the last argument of the command line of Lithops's runner: the file of its job. Processes that the runner
#: forks have the same command line. A runner that was itself forked (by adapter/fork_server.py) has a title instead,
#: which ends in the same way; NULs behind it fill the place of the command line.
_JOB_FILE = re.compile(rf"([0-9a-f]{{16}}-\d+-[{''.join(JOB_LETTERS.values())}]\d+)-job\.json$")
#: Seconds for which a look at the process table is reused for jobs that were sent before it. A trigger process may
#: follow hundreds of jobs, and looking is slow.
_FRESH = 1.0

_lock = threading.Lock()
_seen: dict[str, list[int]] = {}
#: `time.monotonic` of when the look that found `_seen` began. It may have missed processes that began after that.
_seen_since = 0.0


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
    if not is_local(job):
        return False
    # The processes that were seen before are checked first, since a look at all processes takes seconds on a busy
    # machine.
    key = _key(job)
    if any(_runs_job(pid, key) for pid in _seen.get(key, ())):
        return False
    age = time.time() - job.rounds[-1].submitted
    return not runner_pids(job, fresh=min(_FRESH, age / 2))


def _key(job: LithopsJob) -> str:
    return f"{job.executor_id}-{job.job_ids[-1]}"


def _runs_job(pid: int, key: str) -> bool:
    """
    Tells whether a process is the runner of a job or one of its calls. A process that runs items doesn't count: it may
    have been detached from the job.
    """
    import psutil  # comes with Lithops

    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process = psutil.Process(pid)
        return _job_of(process) == key and process.name() != ITEM_PROCESS
    return False


def runner_pids(job: LithopsJob, fresh: float = 0.0) -> list[int]:
    """
    Returns the process ids of the runner of a localhost job's last round, and of the processes that it forked.

    :param job: the job
    :param fresh: how many seconds old an earlier look at the process table may be to be used again
    """
    global _seen, _seen_since
    with _lock:
        now = time.monotonic()
        if now - _seen_since >= fresh:
            _seen, _seen_since = _look(), now
        return _seen.get(_key(job), [])


def _look() -> dict[str, list[int]]:
    import psutil  # comes with Lithops

    found: dict[str, list[_Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            key = _job_of(process)
            if key is not None:
                runs_items = process.name() == ITEM_PROCESS
                found.setdefault(key, []).append(_Process(process.pid, os.getsid(process.pid), runs_items))
    return {job: _belonging(processes) for job, processes in found.items()}


def _job_of(process: psutil.Process) -> str | None:
    """Returns which job a process's command line names; None if it names none."""
    arguments = [argument for argument in process.cmdline() if argument]
    match = _JOB_FILE.search(arguments[-1]) if arguments else None
    return match[1] if match is not None else None


class _Process(NamedTuple):
    """A process with the command line of a runner, its session, and whether it runs items, or was forked by one."""

    pid: int
    session: int
    runs_items: bool


def _belonging(processes: list[_Process]) -> list[int]:
    """
    Returns the process ids of a job's processes, without those that the user's functions have detached from the job:
    forks of a process that runs items which are in a session of their own, one that neither the runner nor a call is
    in. These are left to the functions.
    """
    sessions = {process.session for process in processes if not process.runs_items}
    return [process.pid for process in processes if not process.runs_items or process.session in sessions]
