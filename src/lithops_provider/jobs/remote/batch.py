"""
The entry point of a call: runs a batch of items in a child process and stores their outcomes. The wrapper that Lithops
calls (submit/bootstrap.py) calls `run_batch`.

The child does nothing but run the items. This process looks after it: it takes the outcomes, stores them every few
seconds, enforces the timeout of an item and looks for the stop marker. When an item takes the child down with it
(``os._exit``, a segfault, out of memory), it blames exactly that item, and goes on with the next in a fresh child. So
no item runs twice and none is lost.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from . import frames
from .item_process import ItemProcess
from .keys import BEGIN_NOTHING, BEGUN
from .parts import PartBuilder, PartName, part_key
from .reports import SUCCESS
from .storages import own_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .frames import CallItems
    from .items import CallSettings
    from .output import ItemFailure
    from .reports import Block, Message

#: How long before the end of a call's time no item is begun any more, and how long before it an item that still runs is
#: stopped, so that outcomes can be stored: in seconds, or as a share of the time if that is less.
_LAST_BEGIN = (10.0, 0.2)
_LAST_END = (5.0, 0.1)
#: Seconds to wait before trying again to store outcomes.
_STORE_DELAYS = (0.5, 2.0, 8.0)


def run_batch(call: CallItems, storage: Any, function: bytes, settings: CallSettings) -> dict[str, int]:
    """
    Runs the items of one call.

    :param call: which items these are
    :param storage: the Lithops Storage that the worker injects
    :param function: the pickled function, with the arguments that all items share
    :param settings: what holds for all calls of the round
    :returns: how many items were ``done``, how many of these ``failed``, and how many are ``left``
    :raises MemoryError: the call has run before, and died
    """
    begin = time.monotonic()
    storage = own_storage(storage)
    batch = Batch(call, storage, settings, begin)
    first, last = call["span"]
    with ThreadPoolExecutor(1) as pool:  # its thread ends with the block, before a process is forked
        reading = pool.submit(
            storage.get_object,
            settings["bucket"],
            settings["items_key"],
            extra_get_args={"Range": f"bytes={first}-{last}"},
        )
        if batch.cancelled(begun=False):
            return batch.counts()
        if settings["marked"]:
            batch.begin()
        items = frames.ItemBlocks(frames.unpack(reading.result()), call["indices"])
    with tempfile.TemporaryFile() as output:
        batch.run(items, function, output.fileno())
    return batch.counts()


class Batch:
    """
    A call while it runs: collects the outcomes of its items, and stores them.

    :param call: see `run_batch`
    :param storage: a Lithops Storage that no other process uses
    :param settings: see `run_batch`
    :param begin: `time.monotonic` of when the call began
    """

    def __init__(self, call: CallItems, storage: Any, settings: CallSettings, begin: float) -> None:
        self.storage = storage
        self.settings = settings
        self.prefix = f"{settings['job_prefix']}/{call['call_id']}"
        self.total = len(call["indices"])
        limit = settings["limit"]
        self.deadline = None if limit is None else begin + limit - min(_LAST_BEGIN[0], limit * _LAST_BEGIN[1])
        self.end = None if limit is None else begin + limit - min(_LAST_END[0], limit * _LAST_END[1])
        self.done = 0
        self.failed = 0
        self.stopped = False
        self.terminated = False
        self._part = PartBuilder()
        self._first = 0
        self._stored: str | None = None
        self._stored_done = 0
        self._storage_fails = False
        self._next_flush = begin + settings["flush"]
        self._next_look = begin + settings["flush"]
        self._output_left = settings["output_limit"] * 16

    def counts(self) -> dict[str, int]:
        """Returns what `run_batch` returns."""
        return {"done": self.done, "failed": self.failed, "left": self.total - self.done}

    def cancelled(self, begun: bool) -> bool:
        """
        Looks for the stop marker, and returns whether the call is to stop. If the storage doesn't answer, it goes on.

        :param begun: whether an item has begun; some markers only stop calls of which none has
        """
        with contextlib.suppress(Exception):
            marker = self.storage.get_object(self.settings["bucket"], self.settings["stop_key"])
            self.stopped = not begun or marker != BEGIN_NOTHING
        return self.stopped

    def begin(self) -> None:
        """
        Stores the marker that says that the call has begun to run items, and when. If the processes of a job are gone,
        whoever waits for it sends the items of calls without a marker again. FaaS backends run a call again whose
        process is gone: then the marker is there, and the call fails, so that whoever waits for the job sends only the
        items again that have no outcome.

        :raises MemoryError: the marker is there. What ends all processes of a call is, as a rule, the lack of memory
        """
        bucket, key = self.settings["bucket"], f"{self.prefix}/{BEGUN}"
        begun = False
        if self.settings["once"]:
            with contextlib.suppress(Exception):  # each storage has its own error for an object that isn't there
                self.storage.get_object(bucket, key)
                begun = True
        if begun:
            raise MemoryError("the call died, as it does when memory runs out, and the backend has started it again")
        self._put(key, str(time.time()).encode(), _STORE_DELAYS)

    def run(self, items: frames.ItemBlocks, function: bytes, output_fd: int) -> None:
        """Runs the items, in as many processes as it takes, and stores what became of them."""
        try:
            numbers = itertools.count()
            while self.done < self.total and not self.stopped:
                ItemProcess(self, next(numbers), items.after(self.done), function, output_fd).run()
        finally:
            self.flush(last=True)
        if self.terminated:
            os._exit(128 + signal.SIGTERM)

    def wrote(self, message: Message) -> None:
        """Takes the places where items have written objects."""
        self._part.add_written(json.loads(message.payload))

    def add(self, message: Message) -> None:
        """Takes the outcome of an item."""
        index, kind, started, seconds, peak_memory, _, payload, output = message
        if kind != SUCCESS:
            self.fail(index, message.failure(), started, seconds, peak_memory, output)
            return
        self._part.add_success(index, started, seconds, peak_memory, payload)
        self._added(index, output)

    def add_block(self, indices: Sequence[int], block: Block) -> None:
        """Takes the outcomes of items that succeeded one after another."""
        self._part.add_block(indices, block, time.time() - time.monotonic())
        self.done += len(indices)

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
        self.failed += 1
        self._part.add_failure(index, started, seconds, peak_memory, failure)
        self._added(index, output)

    def _added(self, index: int, output: str) -> None:
        self.done += 1
        if output and self._output_left > 0:
            self._output_left -= len(output)
            self._part.add_output(index, output)

    def housekeeping(self) -> None:
        """Stores outcomes and looks for the stop marker, if it is time for that."""
        now = time.monotonic()
        full = self._part.size >= self.settings["part_size"] and not self._storage_fails
        if full or now >= self._next_flush:
            self.flush()
            self._next_flush = time.monotonic() + self.settings["flush"]
        if now >= self._next_look:
            self.cancelled(begun=True)
            self._next_look = time.monotonic() + self.settings["flush"]

    def flush(self, last: bool = False) -> None:
        """
        Stores the outcomes so far. The part that this replaces is deleted afterwards, so that no outcome is ever
        missing in storage.

        :param last: whether this is the last time, so that a failure is tried again and in the end raised
        """
        if self.done == self._stored_done:
            return
        key = part_key(self.prefix, PartName(self._first, self.done, self.failed))
        self._storage_fails = not self._put(key, self._part.encode(), _STORE_DELAYS if last else ())
        if self._storage_fails:
            return
        replaced, self._stored, self._stored_done = self._stored, key, self.done
        if replaced is not None:
            with contextlib.suppress(Exception):  # readers take the newer of the two
                self.storage.delete_object(self.settings["bucket"], replaced)
        if self._part.size >= self.settings["part_size"]:
            self._part, self._first, self._stored = PartBuilder(), self.done, None

    def _put(self, key: str, data: bytes, delays: tuple[float, ...]) -> bool:
        """
        Writes an object, and returns whether it could.

        :param delays: seconds to wait before each further attempt, after which the error is raised; if there are none,
            a failure is only printed, since the caller will try again later
        """
        for delay in (*delays, None):
            try:
                self.storage.put_object(self.settings["bucket"], key, data)
                return True
            except Exception as error:
                if delays and delay is None:
                    raise
                print(f"storing outcomes failed, to be tried again: {error!r}", file=sys.stderr)  # noqa: T201 - the worker's log
            if delay is not None:
                time.sleep(delay)
        return False
