"""
A process that runs items, seen from its parent, which starts it, takes its reports, and checks them. batch.py starts
one after another for a call; what happens within such a process is in items.py.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from .frames import ItemBlocks
from .isolation import callers_pipes, end_group, lead_group, start_afresh, take_name
from .items import CallSettings, ItemRunner
from .output import take_output
from .reports import HANDED_BACK, LOAD_FAILURE, LOADED, ROWS, WROTE, Block, Message, MessageReader, MessageWriter, Ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .output import ItemFailure

#: Seconds between looks at the process when it is silent.
_TICK = 0.2
#: Seconds that loading the function may take, if the timeout of an item isn't longer.
_LOAD_TIMEOUT = 300.0
#: Seconds that an item has to react to its timeout before its process is killed.
_GRACE = 3.0


def load_failure(failure: ItemFailure) -> ItemFailure:
    """Returns a failure with a message that says that the function could not even be unpickled."""
    message = (
        f"the function can't be loaded in the runtime: {failure['type']}: {failure['message']}; what it imports "
        "must be installed in the runtime, or be shipped with include_modules"
    )
    changed = failure.copy()
    changed["message"] = message
    return changed


class WatchedCall(Protocol):
    """What its processes need of a call. `lithops_provider.jobs.remote.batch.Batch` is one."""

    settings: CallSettings
    #: `time.monotonic` from when no item is begun any more, and at which one that still runs is stopped; None if there
    #: is no limit.
    deadline: float | None
    end: float | None
    #: How many items have an outcome.
    done: int
    stopped: bool
    terminated: bool

    def add(self, message: Message) -> None:
        """Takes the outcome of an item."""

    def add_block(self, indices: Sequence[int], block: Block) -> None:
        """Takes the outcomes of items that succeeded one after another."""

    def wrote(self, message: Message) -> None:
        """Takes the places where items have written objects."""

    def fail(
        self,
        index: int,
        failure: ItemFailure,
        started: float,
        seconds: float = 0.0,
        peak_memory: int = 0,
        output: str = "",
    ) -> None:
        """Takes the failure of an item."""

    def housekeeping(self) -> None:
        """Stores outcomes and looks for the stop marker, if it is time for that."""


class ItemProcess:
    """
    A process that runs items, seen from its parent.

    :param batch: the call
    :param number: how many such processes the call has had before
    :param items: the items that it is to run
    :param function: the pickled function
    :param output_fd: descriptor of the file that takes what the function prints
    """

    def __init__(self, batch: WatchedCall, number: int, items: ItemBlocks, function: bytes, output_fd: int) -> None:
        self.batch = batch
        self.number = number
        self.items = items
        self.output_fd = output_fd
        self.reported = 0
        self.loaded = False
        self.ended = False
        self.item_since = time.monotonic()
        #: `time.monotonic` of when the item began for which the alarm was sent.
        self.alarmed_for = 0.0
        #: How many rows of the ring there were at the last look.
        self.rows_seen = 0
        self.ring = Ring(len(items), batch.settings["part_size"])
        #: The item because of which the process was killed, and why: type and message of the failure.
        self.killed_for: tuple[int | None, str, str] | None = None
        #: Whether the process has reported what can't be true. Its further reports are ignored then.
        self.refused = False
        parent = os.getpid()
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._be_the_child(parent, reading, writing, function)
        with contextlib.suppress(OSError):  # the child does the same, and may have been first
            os.setpgid(self.pid, self.pid)
        os.close(writing)
        self.reading = reading
        self.reader = MessageReader(reading)

    def _be_the_child(self, parent: int, reading: int, writing: int, function: bytes) -> None:
        code = 1
        try:
            os.close(reading)
            for pipe in callers_pipes(ours=writing):
                pipe.close()
            lead_group(parent)
            take_name()
            start_afresh(self.number)
            faulthandler.enable(file=self.output_fd, all_threads=False)
            self.ring.keep_from_children()
            report = MessageWriter(writing)
            os.register_at_fork(after_in_child=report.close)  # what the function forks reports nothing
            settings, deadline = self.batch.settings, self.batch.deadline
            begins = self.batch.done == 0
            ItemRunner(report, self.output_fd, function, settings, deadline, self.ring, begins).run(self.items)
            code = 0
        finally:
            os._exit(code)

    def run(self) -> None:
        """Follows the child until it ends."""
        previous = signal.signal(signal.SIGTERM, self._on_terminate)
        try:
            status: int | None = None
            while status is None:
                readable, _, _ = select.select([self.reading], [], [], _TICK)
                pid, wait_status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    status = wait_status
                    self.ended = True
                self._take_messages(all_of_them=status is not None)
                if status is not None:
                    self._take_rows(self.ring.count)
                elif not readable:
                    self._take_rows(self.rows_seen)  # only rows that were there a tick ago, see `Ring.count`
                self.rows_seen = self.ring.count
                if status is None:
                    self.batch.housekeeping()
                    self._watch()
            self._conclude(status)
            end_group(self.pid)  # what the functions have left running
        finally:
            signal.signal(signal.SIGTERM, previous)
            os.close(self.reading)

    def _on_terminate(self, signum: int, frame: Any) -> None:
        # Lithops ends a call that passed its time limit by SIGTERM. What is done by now is stored before it ends.
        self.batch.stopped = self.batch.terminated = True

    def _take_messages(self, all_of_them: bool) -> None:
        messages = self.reader.read(all_of_them)
        for message in messages:
            self._take_rows(message.rows)
            if not self.refused:
                self._take(message)
        if messages:
            self.item_since = time.monotonic()  # until now, the process may have waited for its messages to be taken

    def _take_rows(self, count: int) -> None:
        """Takes the outcomes of ordinary items, up to a row of the ring."""
        if self.refused or count <= self.ring.taken:
            return
        first = self.reported
        last = first + count - self.ring.taken
        if last > len(self.items):
            self._refuse("the process that ran the function reported more items than it was to run")
            return
        try:
            block = self.ring.take(count)
        except ValueError as error:
            self._refuse(f"the memory through which the process that ran the function reports is damaged: {error}")
            return
        self.reported = last
        self.batch.add_block(self.items.indices[first:last], block)

    def _refuse(self, reason: str) -> None:
        """Ends the process, whose further reports are ignored."""
        self.refused = True
        self._kill(reason, "ProcessDiedError")

    def _take(self, message: Message) -> None:
        if message.kind == LOADED:
            self.loaded = True
        elif message.kind == LOAD_FAILURE:
            self._fail_all(message.failure(), message.started)
        elif message.kind == ROWS:
            pass  # `_take_messages` has taken the rows
        elif self.reported >= len(self.items) or message.item != self.items.indices[self.reported]:
            self._refuse(f"the process that ran the function reported item {message.item}, which it wasn't running")
        elif message.kind == HANDED_BACK:
            self.batch.stopped = True
        elif message.kind == WROTE:
            self.batch.wrote(message)
        else:
            self.reported += 1
            self.batch.add(message)

    def _running(self) -> int | None:
        """Returns the item that runs: the one after those that were reported, since items run in their order."""
        untaken = 0 if self.refused else max(0, self.ring.count - self.ring.taken)
        position = self.reported + untaken
        return self.items.indices[position] if position < len(self.items) else None

    def _since(self) -> float:
        """Returns `time.monotonic` of when the item that runs began, or of the last message if that is later."""
        return max(self.item_since, self.ring.since)

    def _fail_all(self, failure: ItemFailure, started: float) -> None:
        """Has all items that are left fail, since the function can't even be loaded."""
        for index in self.items.indices[self.reported :]:
            self.batch.fail(index, load_failure(failure), started)
        self.reported = len(self.items)

    def _timeout(self) -> float:
        timeout: float = self.batch.settings["timeout"]
        return timeout if self.loaded else max(timeout, _LOAD_TIMEOUT)

    def _too_long(self) -> str:
        what = "the item" if self.loaded else "loading the function"
        return f"{what} took longer than its timeout of {self._timeout():g} seconds"

    def _watch(self) -> None:
        now = time.monotonic()
        since = self._since()
        overdue = now - since - self._timeout()
        if self.batch.end is not None and now > self.batch.end and (self.batch.done or self.ring.count):
            self.batch.stopped = True  # the item is sent again, in a call where it may come first and have more time
        if self.batch.stopped:
            self._kill("the call was stopped")
        elif overdue > _GRACE:
            self._kill(f"{self._too_long()} and did not react to it")
        elif overdue > 0 and self.alarmed_for != since:
            self.alarmed_for = since
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGALRM)

    def _kill(self, message: str, kind: str = "TimeoutError") -> None:
        """Kills the process along with what its function has started, and notes which item is to blame."""
        self.killed_for = self._running(), kind, message
        if self.ended:
            return  # its process id may be another process's by now
        for kill in (os.killpg, os.kill):  # both, since the function may have taken its process out of the group
            with contextlib.suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)

    def _conclude(self, status: int) -> None:
        """Blames the item that was running for the process's death."""
        index = self._running()
        if self.batch.stopped or index is None:
            return
        if self.ring.idle and self.reported and self.killed_for is None:
            return  # it ended between two items, so none is to blame
        if self.alarmed_for == self._since() and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            # An earlier item has reset the handler of the signal, so the alarm killed the process.
            self.killed_for = index, "TimeoutError", self._too_long()
        blamed, kind, message = self.killed_for or (index, "ProcessDiedError", _death(status))
        if blamed != index:
            return  # the item to blame ended before the process was killed; this one only came after it
        seconds = time.monotonic() - self._since()
        output = take_output(self.output_fd, self.batch.settings["output_limit"])
        failure: ItemFailure = {"type": kind, "message": message, "traceback": output}
        if self.loaded:
            self.batch.fail(index, failure, time.time() - seconds, seconds, output=output)
        else:
            self._fail_all(failure, time.time() - seconds)


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hint = ", as the kernel does when memory runs out" if number == signal.SIGKILL else ""
        # Most real-time signals have no name.
        name = next((known.name for known in signal.Signals if known == number), f"signal {number}")
        return f"the process that ran the function was killed by {name}{hint}"
    return f"the process that ran the function ended itself with exit code {os.WEXITSTATUS(status)}"
