"""Finding and ending every process that belongs to one folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import psutil

from tools.waiting import wait_until

MARKER = "AIRFLOW_STACK_HOME"
"""Environment variable that every process of a stack inherits."""


def find(folder: Path, sessions: Collection[int] = ()) -> list[psutil.Process]:
    """
    Return the living processes that belong to a folder, this one excepted.

    :param folder: an absolute path
    :param sessions: ids of sessions whose members belong to it, whatever they look like
    """
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid()
        and (session_of(process) in sessions or _belongs_to(process, folder))
        and is_alive(process)
    ]


def in_session(session: int) -> list[psutil.Process]:
    """
    Return the living processes of a session: a daemon and all it forked, but not what left it by setsid.

    :param session: process id of the session's leader, which may be dead by now
    """
    return [process for process in psutil.process_iter() if session_of(process) == session and is_alive(process)]


def session_of(process: psutil.Process) -> int | None:
    """
    Return the id of a process's session; None if the process is gone.

    :param process: the process to look at
    """
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None


def is_alive(process: psutil.Process) -> bool:
    """
    Whether a process still runs; a zombie does not.

    :param process: the process to look at
    """
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_gone(look: Callable[[], list[psutil.Process]], seconds: float) -> list[psutil.Process]:
    """
    Wait until no process is left; return those that are left when the time is over.

    :param look: finds the processes that should go
    :param seconds: how long to wait at most
    """
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not look(), seconds=seconds)
    return look()


def end(processes: Iterable[psutil.Process], seconds: float = 5.0) -> None:
    """
    End processes: SIGTERM, and SIGKILL for those still there after a while.

    :param processes: what to end
    :param seconds: how long they have after the first signal; 0 for SIGKILL at once
    """
    left = [process for process in processes if is_alive(process)]
    if seconds:
        for process in left:
            _unless_gone(process.terminate)
        _, left = psutil.wait_procs(left, timeout=seconds)
    for process in left:
        _unless_gone(process.kill)
    psutil.wait_procs(left, timeout=5)


def describe(process: psutil.Process) -> str:
    """
    Return one line that says which process this is.

    :param process: the process to describe
    """
    try:
        command = " ".join(" ".join(process.cmdline()).split()) or process.name()
        return f"pid {process.pid} ({process.status()}): {command[:300]}"
    except psutil.NoSuchProcess:
        return f"pid {process.pid} (gone)"


def _belongs_to(process: psutil.Process, folder: Path) -> bool:
    """
    Whether a process was started for a folder: by its environment, its working folder or its command line.

    Three signs, because a process that sets its title (Airflow's do) overwrites its environment, and a daemon
    changes its working folder.
    """
    home = str(folder)

    def is_inside(path: str | None) -> bool:
        return path is not None and (path == home or path.startswith(home + os.sep))

    signs: tuple[Callable[[], bool], ...] = (
        lambda: any(is_inside(process.environ().get(name)) for name in (MARKER, "TMPDIR")),
        lambda: is_inside(process.cwd()),
        lambda: any(home in argument for argument in process.cmdline()),
    )
    for sign in signs:
        try:
            if sign():
                return True
        except psutil.AccessDenied:  # another user's process, or it overwrote its environment: the next sign
            continue
        except psutil.NoSuchProcess:  # gone, or a zombie
            return False
    return False


def _unless_gone(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return
