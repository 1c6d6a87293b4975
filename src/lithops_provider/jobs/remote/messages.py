"""Messages through a pipe from the process that runs items to the one that watches it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
from typing import Any, NamedTuple

from .descriptors import OwnDescriptor

#: Kinds of messages. `ROWS` says that there are rows to take out of the `Ring`.
SUCCESS, FAILURE, LOADED, LOAD_FAILURE, HANDED_BACK, WROTE, ROWS = range(7)

#: index, kind, started, seconds, peak memory, rows, length of the payload, length of the output
_MESSAGE = "<QBddQQQQ"
_MESSAGE_SIZE = struct.calcsize(_MESSAGE)

#: Bytes to take out of the pipe in one go.
_READ_AT_ONCE = 1 << 20


class Message(NamedTuple):
    """
    What the process that runs the items has to say.

    :param item: its index
    :param kind: ``SUCCESS``, or another of them
    :param started: seconds since the epoch
    :param seconds: how long the item took
    :param peak_memory: bytes, of the process
    :param rows: how many rows of the `Ring` came before it
    :param payload: the pickled result, or as JSON the failure or where the item has written
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

    def failure(self) -> dict[str, Any]:
        """Returns the failure, if it tells of one."""
        failure: dict[str, Any] = json.loads(self.payload)
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
        Writes a message, however full the pipe is.

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
        """Closes the pipe's end in this process, for which nothing is reported."""
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
        Returns what is complete by now.

        :param all_of_it: empty the pipe; otherwise a writer that never pauses would keep its reader busy
        """
        wanted = len(self._buffer) + _READ_AT_ONCE
        with contextlib.suppress(BlockingIOError):
            while (all_of_it or len(self._buffer) < wanted) and (chunk := os.read(self.fd, _READ_AT_ONCE)):
                self._buffer += chunk
        messages = []
        position = 0
        while position + _MESSAGE_SIZE <= len(self._buffer):
            *numbers, size, printed = struct.unpack_from(_MESSAGE, self._buffer, position)
            end = position + _MESSAGE_SIZE + size + printed
            if end > len(self._buffer):
                break
            start = position + _MESSAGE_SIZE
            payload = bytes(self._buffer[start : start + size])
            output = self._buffer[start + size : end].decode("utf-8", "replace")
            messages.append(Message(*numbers, payload, output))
            position = end
        del self._buffer[:position]
        return messages
