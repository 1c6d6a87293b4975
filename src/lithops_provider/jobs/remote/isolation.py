"""
Isolates a process that runs items from the other processes of its call, so that none overwrites what another has made,
and ends what its functions have left running. batch.py and item_process.py call it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import operator
import os
import signal
import stat
import sys
import time
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: The environment variables with which Lithops makes names (lithops.constants) for executors that a function makes, and
#: for cloud objects without a key. Lithops counts both from 0 in every process.
_SESSION, _EXECUTORS = "__LITHOPS_SESSION_ID", "__LITHOPS_TOTAL_EXECUTORS"

#: Seconds after SIGTERM in which processes that a function has left running have to end.
_TO_END = 1.5
#: The descriptor of the error output, the last of the three that every process has.
_STDERR = 2
#: The name, where the system has names, of processes that run items and of all that these fork. From it,
#: jobs/follow/processes.py can tell which processes may have detached themselves from a job.
ITEM_PROCESS = "lithops-items"
#: The option of Linux's prctl that sends a signal when the parent ends.
_PDEATHSIG = 1
#: The advice of Linux's madvise that leaves memory empty in processes that are forked; `mmap` has no name for it.
_WIPEONFORK = 18


def start_afresh(number: int) -> None:
    """
    Gives this process, which is to run items, a Lithops session and random numbers of its own.

    :param number: how many processes have run items of this call before
    """
    _begin_session(str(number))
    os.register_at_fork(after_in_child=lambda: _begin_session(str(os.getpid())))
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:  # Python seeds its own generator anew in a forked process, numpy doesn't
        numpy_random.seed()


def _begin_session(suffix: str) -> None:
    """Makes the session's name out of the worker's, so that what is made in it is found by the name of the job."""
    os.environ[_SESSION] = f"{os.environ.get(_SESSION) or uuid.uuid4().hex}-{suffix}"
    os.environ.pop(_EXECUTORS, None)


def original_process() -> Callable[[], object]:
    """
    Returns a function that tells whether it is called in the process that called this one, and not in a process forked
    from it, even by C code. It is called for each item, so it makes no system call if it can do without: it reads
    memory that the system empties in a process that is forked.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):  # not Linux, or an old one
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_WIPEONFORK)
        page[0] = 1
        return partial(operator.itemgetter(0), page)
    pid = os.getpid()
    return lambda: os.getpid() == pid


def take_name() -> None:
    """Gives this process, and those that it forks, the name of processes that run items. On Linux only."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
        name.write(ITEM_PROCESS)


def lead_group(parent: int) -> None:
    """
    Makes this process the leader of a process group, so that what the functions leave running can be ended. Has the
    system end it when its parent ends, since it is no longer killed along with the parent's group.

    :param parent: process id of the parent
    """
    os.setpgid(0, 0)
    with contextlib.suppress(AttributeError, OSError):  # not Linux: the process ends before the next item
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it has ended before that
            os._exit(1)


def end_group(group: int) -> None:
    """
    Ends all processes of a group: first with SIGTERM, as when a job is cancelled, so that they can clean up.

    :param group: the group, whose leader has ended
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return  # the group has no process, which is the usual case
        end = time.monotonic() + _TO_END
        while number == signal.SIGTERM and time.monotonic() < end and _runs(group):
            time.sleep(0.01)


def _runs(group: int) -> bool:
    """Tells whether a process of the group runs. Processes that have ended stay in it until somebody reaps them."""
    try:
        os.killpg(group, 0)
        states = [_state(path, group) for path in Path("/proc").glob("[0-9]*/stat")]
    except ProcessLookupError:
        return False
    return not states or any(states)  # without /proc there are no states, and a process may run


def _state(stat: Path, group: int) -> bool:
    """Tells whether a process belongs to the group, and has not ended."""
    with contextlib.suppress(OSError):
        state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
        return int(its_group) == group and state not in "ZX"
    return False


class OwnDescriptor:
    """
    Notices when the function has closed a descriptor of ours, so that we don't write to, or truncate, another file that
    has got its number since.

    :param fd: the descriptor
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._file = _file_of(fd)

    def is_ours(self) -> bool:
        """Tells whether the descriptor still belongs to the file that it was opened for."""
        try:
            return _file_of(self.fd) == self._file
        except OSError:
            return False

    def close(self) -> None:
        """Closes the descriptor, unless the function has already done so. Afterwards `is_ours` returns False."""
        if self.is_ours():
            with contextlib.suppress(OSError):
                os.close(self.fd)
        self._file = None


def callers_pipes(ours: int | None = None) -> list[OwnDescriptor]:
    """
    Returns the writing ends of pipes that this process has inherited. Lithops waits for the process of a call with
    Python's multiprocessing, which takes such a pipe for a sign of life: the call counts as running as long as any
    process has the pipe open. So no process that a function leaves running may have it open.

    :param ours: descriptor of a pipe that is to be left out
    """
    found = []
    with contextlib.suppress(OSError):  # a system without this folder
        for name in os.listdir("/dev/fd"):
            fd = int(name)
            with contextlib.suppress(OSError):  # the descriptor of the listing itself is closed by now
                if fd > _STDERR and fd != ours and _is_writing_end(fd):
                    found.append(OwnDescriptor(fd))
    return found


def _is_writing_end(fd: int) -> bool:
    """Tells whether a descriptor is the writing end of a pipe."""
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY


def _file_of(fd: int) -> tuple[int, int] | None:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
