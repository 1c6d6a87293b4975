"""A server in a process of its own, on loopback: started, waited for, and ended by its process id."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tools import processes
from tools.ports import free_port
from tools.waiting import HANGS, wait_until


class ServerError(Exception):
    """A server did not start; the message has the end of its log."""


class Server:
    """
    A server. A subclass sets `command`, and says in `answers` whether it is up; it is a context manager.

    :param folder: where it keeps its data and its log
    """

    #: Seconds that it has to end before it is killed: none, for what it keeps is thrown away.
    farewell = 0.0

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        """Return the program and its arguments."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return what its environment has beyond this process's."""
        return {}

    def answers(self) -> bool:
        """Whether it takes requests; errors of connections mean no."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in self.command()],
                env={**os.environ, "TMPDIR": str(self.folder), **self.environment()},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until(self._is_up, "is not up")

    def stop(self) -> None:
        """End it, and whatever it started."""
        if self._process is None:
            return
        processes.end(processes.in_session(self._process.pid), seconds=self.farewell)
        processes.end(processes.find(self.folder), seconds=self.farewell)  # what has left the session
        self._process.wait(HANGS)
        self._process = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def log(self) -> str:
        """Return what it has written."""
        return self._log.read_text(errors="replace")

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise ServerError(f"{type(self).__name__} ended with {self._process.returncode}:\n{self.log()[-3000:]}")
        try:
            return self.answers()
        except OSError:
            return False

    def _wait_until(self, condition: Callable[[], bool], problem: str) -> None:
        wait_until(condition, lambda: f"{type(self).__name__} {problem}:\n{self.log()[-3000:]}", interval=0.05)

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_ports(number: int) -> list[int]:
    """
    Return ports of 127.0.0.1 that nothing listens on, none of them twice.

    :param number: how many
    """
    return [free_port() for _ in range(number)]
