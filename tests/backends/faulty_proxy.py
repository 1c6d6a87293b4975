"""A proxy in front of a real server that can be told to fail as networks and servers do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Literal

Fault = Literal["hang", "refuse", "500", "slow"]

_SLOW_SECONDS = 0.2
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultyProxy:
    """
    Passes connections on to a server, until it is told otherwise.

    :param port: of the server on loopback
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        #: How many requests it has failed to answer; those that it refuses, nobody counts.
        self.failures = 0
        self._fault: Fault | None = None
        self._connections: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def fail(self, fault: Fault | None) -> None:
        """
        Begin to fail, or stop failing; open connections break.

        :param fault: ``hang``: requests are taken and never answered; ``refuse``: nothing listens; ``500``: that is the
            answer; ``slow``: answers come late; None: none of these
        """
        was, self._fault = self._fault, fault
        if fault == "refuse":
            self._close(self._listener)
        elif was == "refuse":
            self._listener = self._listen(self.port)
        for connection in list(self._connections):
            self._close(connection)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed: nobody is to come any more
            while True:
                connection, _ = listener.accept()
                self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.failures += self._fault in ("hang", "500")
            if self._fault == "hang":
                return  # it stays open, and silent
            if self._fault == "500":
                connection.recv(1 << 16)
                connection.sendall(_ERROR)
                self._close(connection)
                return
            server = socket.create_connection(self._target)
            self._connections.add(server)
            threading.Thread(target=self._pass, args=(connection, server), daemon=True).start()
            self._pass(server, connection, answers=True)

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if answers and self._fault == "slow":
                    time.sleep(_SLOW_SECONDS)
                target.sendall(data)
        self._close(source)
        self._close(target)

    def _close(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def __enter__(self) -> FaultyProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fail("refuse")
