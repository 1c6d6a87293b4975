"""
How the process that runs items (items.py) reports to the one that watches it (item_process.py). The outcome of an
ordinary item, a pickled result and three numbers, goes through memory that both share (`Ring`), which costs much less
than a message. All other reports, and notices that there is something new in the memory, are messages through a pipe.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import resource
import struct
import sys
from array import array
from operator import sub
from typing import TYPE_CHECKING, Any, NamedTuple

from .isolation import OwnDescriptor

if TYPE_CHECKING:
    from .output import ItemFailure

#: Kinds of messages. `ROWS` says that there are rows to take out of the `Ring`.
SUCCESS, FAILURE, LOADED, LOAD_FAILURE, HANDED_BACK, WROTE, ROWS = range(7)

#: index, kind, started, seconds, peak memory, rows, length of the payload, length of the output
_MESSAGE = "<QBddQQQQ"
_MESSAGE_SIZE = struct.calcsize(_MESSAGE)

#: Bytes to take out of the pipe in one go.
_READ_AT_ONCE = 1 << 20


class Message(NamedTuple):
    """
    What the process that runs the items reports.

    :param item: the item's index
    :param kind: one of the kinds above
    :param started: when the item began, in seconds since the epoch
    :param seconds: how long the item took
    :param peak_memory: the most bytes of memory that the process has used
    :param rows: how many rows of the `Ring` were written before the message
    :param payload: the pickled result; or as JSON the failure, or the places where the item has written
    :param output: what the item printed
    """

    item: int
    kind: int
    started: float
    seconds: float
    peak_memory: int
    rows: int
    payload: bytes
    output: str

    def failure(self) -> ItemFailure:
        """Returns the failure. The message's kind has to be `FAILURE` or `LOAD_FAILURE`."""
        failure: ItemFailure = json.loads(self.payload)
        return failure


class MessageWriter:
    """
    Puts messages into a pipe.

    :param fd: descriptor of its writing end
    """

    def __init__(self, fd: int) -> None:
        self._pipe = OwnDescriptor(fd)

    def __call__(self, message: Message) -> None:
        """
        Writes a message, and waits while the pipe is full.

        :raises OSError: the function has closed the pipe
        """
        if not self._pipe.is_ours():
            os.write(2, b"the function has closed the file descriptor that its outcome is reported through\n")
            raise OSError(errno.EBADF, "the pipe is closed")
        *numbers, payload, output = message
        text = output.encode()
        view = memoryview(struct.pack(_MESSAGE, *numbers, len(payload), len(text)) + payload + text)
        while view:
            view = view[os.write(self._pipe.fd, view) :]

    def close(self) -> None:
        """Closes the pipe's end in this process, which is to report nothing."""
        self._pipe.close()


class MessageReader:
    """
    Takes messages out of the pipe without blocking.

    :param fd: descriptor of the pipe's reading end
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.set_blocking(fd, False)
        self._buffer = bytearray()

    def read(self, all_of_it: bool = False) -> list[Message]:
        """
        Returns the messages that have arrived completely.

        :param all_of_it: whether to empty the pipe. If not, reading ends after a while, so that a writer that never
            pauses doesn't keep its reader busy
        """
        wanted = len(self._buffer) + _READ_AT_ONCE
        with contextlib.suppress(BlockingIOError):
            while (all_of_it or len(self._buffer) < wanted) and (chunk := os.read(self.fd, _READ_AT_ONCE)):
                self._buffer += chunk
        messages = []
        position = 0
        while position + _MESSAGE_SIZE <= len(self._buffer):
            item, kind, started, seconds, peak, rows, size, printed = struct.unpack_from(
                _MESSAGE, self._buffer, position
            )
            end = position + _MESSAGE_SIZE + size + printed
            if end > len(self._buffer):
                break
            start = position + _MESSAGE_SIZE
            payload = bytes(self._buffer[start : start + size])
            output = self._buffer[start + size : end].decode("utf-8", "replace")
            messages.append(Message(item, kind, started, seconds, peak, rows, payload, output))
            position = end
        del self._buffer[:position]
        return messages


#: Bytes of a number.
_NUMBER = 8
#: The places of numbers at the beginning of the ring: how many rows were written, how many rows and how many bytes of
#: results were taken, whether no item runs, and when the first item of the current block began.
_COUNT, _TAKEN, _FREED, _IDLE, _SINCE = range(5)
_PLACES = 8
_MOST_SLOTS = 1 << 15
_MOST_BYTES = 4 << 20
#: More seconds than the times of all rows add up to. A larger sum means that the memory is damaged.
_LONGEST = 1e15
#: Seconds that an item has to take at least for its peak memory to be measured. Others get the last measured value.
_MEASURED = 0.001
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


def peak_memory() -> int:
    """Returns the most memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT


class Block(NamedTuple):
    """
    Outcomes of items that succeeded one after another.

    :param started: `time.monotonic` of each item's beginning
    :param seconds: how long each took
    :param peak_memory: the most bytes of memory that the process had used by the end of each
    :param sizes: bytes of each result
    :param results: the pickled results, one after another
    """

    started: array[float]
    seconds: array[float]
    peak_memory: array[int]
    sizes: array[int]
    results: bytes


class Ring:
    """
    The shared memory. The watcher makes it before it forks the process that runs items. That process alone writes rows,
    and counts each once it is complete; the watcher alone takes them. Both count without end: a row lies at its number
    modulo the number of slots, and the results follow each other around a ring of bytes in the same way.

    :param items: how many items there are, so that there needn't be more rows
    :param size: bytes of results that the memory should hold at most
    """

    def __init__(self, items: int, size: int) -> None:
        self.slots = min(items, _MOST_SLOTS)
        self.size = min(size, _MOST_BYTES)
        columns = 4 * self.slots
        self._memory = mmap.mmap(-1, _NUMBER * (_PLACES + columns) + self.size)  # shared, and without a name
        self._view = memoryview(self._memory)
        numbers = self._view[: _NUMBER * (_PLACES + columns)]
        self._places = numbers[: _NUMBER * _PLACES].cast("q")
        self._times = numbers[: _NUMBER * _PLACES].cast("d")
        ends, started, seconds, peaks = (
            numbers[_NUMBER * (_PLACES + column * self.slots) :][: _NUMBER * self.slots] for column in range(4)
        )
        self._ends, self._peaks = ends.cast("q"), peaks.cast("q")
        self._started, self._seconds = started.cast("d"), seconds.cast("d")
        self._bytes = self._view[_NUMBER * (_PLACES + columns) :]
        #: Up to which row and byte the user of this object has come: the writer with writing, the watcher with taking.
        self._row = self._byte = 0
        #: Up to which row and byte the writer has room in the current block.
        self._row_limit, self._byte_limit = 0, 0
        self.peak_memory = 0
        self.begin_block(0, 0.0)

    # -- the process that runs items -------------------------------------------------------------------------------

    def keep_from_children(self) -> None:
        """Keeps the memory out of processes that this one forks, if the system can, since these must not report."""
        with contextlib.suppress(AttributeError, OSError):  # not Linux
            self._memory.madvise(mmap.MADV_DONTFORK)

    def begin_block(self, peak_memory: int, since: float) -> None:
        """
        Begins a block, once the watcher has been told of all rows so far. A block has room for at most half of what the
        memory holds, so that the watcher can take one while the next is written.

        :param peak_memory: the peak memory of the block's items, until it is measured anew
        :param since: `time.monotonic` of when the first of these items begins
        """
        self.peak_memory = peak_memory
        self._times[_SINCE] = since
        self._row_limit = min(self._row + (self.slots + 1) // 2, self._places[_TAKEN] + self.slots)
        self._byte_limit = min(self._byte + (self.size + 1) // 2, self._places[_FREED] + self.size)

    def set_idle(self) -> None:
        """Notes that no item runs any more, so that none is to blame if the process ends."""
        self._places[_IDLE] = 1

    def add(self, result: bytes, started: float, seconds: float) -> int:
        """
        Adds an item that succeeded.

        :returns: 0 if the block has no room for the item, 1 if it is the last for which there is room, else more
        """
        row, begin = self._row, self._byte
        size = len(result)
        end = begin + size
        if row >= self._row_limit or end > self._byte_limit:
            return 0
        if seconds >= _MEASURED:
            self.peak_memory = peak_memory()
        position = begin % self.size
        overhang = position + size - self.size
        if overhang <= 0:
            self._bytes[position : position + size] = result
        else:
            self._bytes[position:] = result[:-overhang]
            self._bytes[:overhang] = result[-overhang:]
        slot = row % self.slots
        self._ends[slot] = end
        self._started[slot] = started
        self._seconds[slot] = seconds
        self._peaks[slot] = self.peak_memory
        self._byte = end
        self._row = self._places[_COUNT] = row + 1  # last of all, since from here on the watcher may take the row
        return self._row_limit - row

    # -- the watcher -----------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """
        How many rows have been written. On processors that don't keep the order of writes, a row that has just been
        counted may not be visible yet. So take only rows that were counted some milliseconds ago, that a message
        through the pipe counts, or that a process which has ended has left.
        """
        return self._places[_COUNT]

    @property
    def taken(self) -> int:
        """How many rows have been taken."""
        return self._row

    @property
    def since(self) -> float:
        """`time.monotonic` of when the item that runs began: when the one before it ended; 0 before the first."""
        last = (self.count - 1) % self.slots
        return max(self._times[_SINCE], self._started[last] + self._seconds[last])

    @property
    def idle(self) -> bool:
        """Whether no item runs."""
        return self._places[_IDLE] != 0

    def take(self, count: int) -> Block:
        """
        Takes rows out, which makes room for others.

        :param count: up to which row
        :raises ValueError: the rows make no sense, since a function has written into the memory
        """
        rows = count - self._row
        if not 0 <= rows <= self.slots:
            raise ValueError(f"row {count} can't follow on row {self._row}")
        ends = array("q", self._cut(self._ends, self._row, rows))
        sizes = array("q", map(sub, ends, (self._byte, *ends[:-1])))
        end = ends[-1] if rows else self._byte
        if rows and (min(sizes) < 0 or end - self._byte > self.size):
            raise ValueError("the results don't follow on each other")
        started = array("d", self._cut(self._started, self._row, rows))
        seconds = array("d", self._cut(self._seconds, self._row, rows))
        if not (abs(sum(started)) < _LONGEST and 0 <= sum(seconds) < _LONGEST):
            raise ValueError("the times can't be")
        block = Block(
            started,
            seconds,
            array("q", self._cut(self._peaks, self._row, rows)),
            sizes,
            self._cut(self._bytes, self._byte, end - self._byte),
        )
        self._row, self._byte = count, end
        self._places[_FREED] = end
        self._places[_TAKEN] = count
        return block

    @staticmethod
    def _cut(column: memoryview[Any], first: int, count: int) -> bytes:
        """Returns a copy of ``count`` entries from ``first`` on; after the last entry of a column comes its first."""
        first %= len(column)
        overhang = max(0, first + count - len(column))
        return column[first : first + count].tobytes() + column[:overhang].tobytes()
