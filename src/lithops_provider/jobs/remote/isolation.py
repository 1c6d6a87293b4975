"""
What a process that runs items has for itself, so that it shares nothing with the other processes of its call by which
one could overwrite what another has made, and leaves nothing behind that runs. batch.py and item_process.py call it.
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

#: The environment variables by which Lithops names what a function makes (lithops.constants): executors that it
#: starts, and cloud objects without a key. Both are counted from 0 in every process.
_SESSION, _EXECUTORS = "__LITHOPS_SESSION_ID", "__LITHOPS_TOTAL_EXECUTORS"

#: Seconds that what a function has left running has to end after SIGTERM.
_TO_END = 1.5
#: The descriptor of the error output, the last one of those that every process has.
_STDERR = 2
#: The name, as far as the system tells names, of processes that run items and of all that these fork: whoever looks for
#: the processes of a job (jobs/follow/processes.py) can tell from it what has detached itself from them.
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
    """Names the session by the worker's, so that what is made in it is found by the name of the job."""
    os.environ[_SESSION] = f"{os.environ.get(_SESSION) or uuid.uuid4().hex}-{suffix}"
    os.environ.pop(_EXECUTORS, None)


def original_process() -> Callable[[], object]:
    """
    Returns what tells whether it is called in the process that called this, and not in one forked from it, be it by C
    code. To be called for each item, so it makes no system call where it needn't: it reads memory that is empty in a
    process that was forked.
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
    Makes this process the leader of a process group, so that what the functions leave running can be ended, and has
    it end with its parent, as the other processes of the group it leaves do when that is killed.

    :param parent: process id of the parent
    """
    os.setpgid(0, 0)
    with contextlib.suppress(AttributeError, OSError):  # not Linux: the process ends before the next item
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it has ended before that
            os._exit(1)


def end_group(group: int) -> None:
    """
    Ends all processes of a group: politely first, as on cancel, so that they can put away what they have made.

    :param group: the group, whose leader has ended
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return  # there is none, which is the rule
        end = time.monotonic() + _TO_END
        while number == signal.SIGTERM and time.monotonic() < end and _runs(group):
            time.sleep(0.01)


def _runs(group: int) -> bool:
    """Tells whether a process of the group runs. Ones that have ended but that nobody reaps stay in it."""
    try:
        os.killpg(group, 0)
        states = [_state(path, group) for path in Path("/proc").glob("[0-9]*/stat")]
    except ProcessLookupError:
        return False
    return not states or any(states)  # without /proc there are none, and it can't be told


def _state(stat: Path, group: int) -> bool:
    """Tells whether a process belongs to the group, and has not ended."""
    with contextlib.suppress(OSError):
        state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
        return int(its_group) == group and state not in "ZX"
    return False


class OwnDescriptor:
    """
    Notices when the function has closed a descriptor of ours, so that nothing is written into, or cut off, the file
    that has its number by now.

    :param fd: the descriptor
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._file = _file_of(fd)

    def is_ours(self) -> bool:
        """Tells whether the descriptor still is the file that it was."""
        try:
            return _file_of(self.fd) == self._file
        except OSError:
            return False

    def close(self) -> None:
        """Closes it, unless the function has done that already. Afterwards `is_ours` is False for ever."""
        if self.is_ours():
            with contextlib.suppress(OSError):
                os.close(self.fd)
        self._file = None


def callers_pipes(ours: int | None = None) -> list[OwnDescriptor]:
    """
    Returns the writing ends of the pipes that this process has from those that it was forked from. Python's
    multiprocessing, by which Lithops waits for the process of a call, takes one of them for a sign of life: the call
    counts as running until no process has it open. So nothing that a function leaves running may keep it.

    :param ours: descriptor of a pipe that is not to be among them
    """
    found = []
    with contextlib.suppress(OSError):  # a system without this folder
        for name in os.listdir("/dev/fd"):
            fd = int(name)
            with contextlib.suppress(OSError):  # it was the listing's own
                if fd > _STDERR and fd != ours and _is_writing_end(fd):
                    found.append(OwnDescriptor(fd))
    return found


def _is_writing_end(fd: int) -> bool:
    """Tells whether a descriptor is the writing end of a pipe."""
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY


def _file_of(fd: int) -> tuple[int, int] | None:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
