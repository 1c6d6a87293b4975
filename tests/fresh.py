"""
Interpreters that have imported something. A program that needs it runs in a fork of one, as if it were its own, and
starts at once: importing Airflow takes four seconds of a core, importing Lithops almost one.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from tools.waiting import HANGS

#: What such an interpreter runs. It forks for each request. The fork forks once more, waits for that process, and
#: answers with its process id and its exit code; the process itself goes on below the loop, with the request's program.
_SERVER = """
import fcntl, gc, json, os, select, socket, sys
{imports}

sources = [socket.socket(fileno=int(number)) for number in sys.argv[1:]]
gc.freeze()  # else a garbage collection in a fork copies all that
while True:
    request, files, *_ = socket.recv_fds(select.select(sources, [], [])[0][0], 1 << 20, 8)
    if not request:
        sys.exit()
    if os.fork() == 0:
        break
    for file in files:
        os.close(file)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:  # none is left to be taken out of the process table
        pass
for source in sources:
    source.close()
answer = socket.socket(fileno=files.pop(0))
if child := os.fork():
    for file in files:
        os.close(file)
    answer.sendall(b"%d " % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os._exit(0)
request = json.loads(request)
if request["session"]:
    os.setsid()
for file in files + [answer.fileno()]:  # out of the way of the numbers that are wanted
    fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, {high})
    os.close(file)
answer.detach()
answer = socket.socket(fileno={high} + len(files))
for place, number in enumerate(request["numbers"]):
    os.dup2({high} + place, number)
    os.close({high} + place)
os.chdir(request["folder"])
os.environ.clear()
os.environ.update(request["environment"])
sys.argv = ["-c", *request["arguments"]]
if request["title"]:
    from setproctitle import setproctitle
    setproctitle(request["title"])
answer.sendall(b"%d " % os.getpid())
answer.close()
program = compile(request["program"], "<string>", "exec")
for name in ("sources", "source", "request", "files", "file", "answer", "child", "place", "number"):
    globals().pop(name, None)
exec(program)
"""
#: Numbers of descriptors that no program uses.
_HIGH = 500


class Forked:
    """
    A process that is no child of this one; what subprocess.Popen is for one that is.

    :param answer: what says its process id, and at its end its exit code
    """

    def __init__(self, answer: socket.socket) -> None:
        self._answer = answer
        self.stdin: IO[bytes] | None = None
        self.returncode: int | None = None
        self.pid = self._read(HANGS)

    def poll(self) -> int | None:
        """Return the exit code if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended."""
        if self.returncode is None:
            self.returncode = self._read(timeout)
            self._answer.close()
        return self.returncode

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _read(self, timeout: float | None) -> int:
        if not select.select([self._answer], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        text = b""
        while not text.endswith(b" ") and (byte := self._answer.recv(1)):
            text += byte
        return int(text or -signal.SIGKILL)  # nothing if what waits for it has been killed


def start_in(
    control: socket.socket,
    program: str,
    arguments: Sequence[str] = (),
    *,
    files: Mapping[int, int],
    environment: Mapping[str, str],
    folder: str | None = None,
    session: bool = False,
    title: str | None = None,
) -> Forked:
    """
    Start a program in a fork of an interpreter.

    :param control: what that interpreter reads requests from
    :param program: the program's text
    :param arguments: what it finds in ``sys.argv[1:]``
    :param files: its open files, by their descriptors there; 0, 1 and 2 at least
    :param environment: all its variables
    :param folder: where it runs, instead of here
    :param session: whether it leads a session of its own
    :param title: its title, which others see as its command line, set before this function returns
    """
    request = {
        "program": program,
        "arguments": arguments,
        "numbers": [*files],
        "environment": {**environment},
        "folder": folder or os.getcwd(),
        "session": session,
        "title": title,
    }
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(control, [json.dumps(request).encode()], [theirs.fileno(), *files.values()])
    return Forked(ours)


class Interpreter:
    """
    An interpreter to be forked, which is started when it is first needed.

    :param imports: what it does before
    """

    def __init__(self, imports: str) -> None:
        self.imports = imports
        self.environment = {**os.environ}
        self._server: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, program: str, arguments: Sequence[str] = (), **options: Any) -> Forked:
        """
        Start a program.

        :param program: its text
        :param arguments: what it finds in ``sys.argv[1:]``
        :param options: the others of `start_in`
        """
        with self._lock:
            if self._server is None:
                self._serve()
            return start_in(self._control, program, arguments, **options)

    def listen(self, path: Path) -> None:
        """
        Start it, and have it take requests of other processes, too.

        :param path: the file to which their sockets are connected
        """
        with self._lock, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
            assert self._server is None
            others.bind(str(path))
            self._serve(others)

    def _serve(self, *others: socket.socket) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = [source.fileno() for source in (theirs, *others)]
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", _SERVER.format(imports=self.imports, high=_HIGH), *map(str, numbers)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self.environment,
                pass_fds=numbers,
            )

    def end(self) -> None:
        """End it, but not its forks."""
        if self._server is not None:
            self._control.close()
            self._server.wait(HANGS)
            self._server = None


_interpreters: dict[str, Interpreter] = {}


def interpreter_after(imports: str) -> Interpreter:
    """
    Return the interpreter that has run certain imports, the same one in all of a session.

    :param imports: the lines of code
    """
    return _interpreters.setdefault(imports, Interpreter(imports))


def run_after(imports: str, program: str, given: bytes = b"", folder: str | None = None) -> bytes:
    """
    Run a program in an interpreter that has run certain imports; return what it prints.

    :param imports: the lines of code
    :param program: its text; what it raises fails the test
    :param given: what it can read from stdin
    :param folder: where it runs, instead of here
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        files = {0: stdin.fileno(), 1: stdout.fileno(), 2: stderr.fileno()}
        process = interpreter_after(imports).start(program, files=files, environment=os.environ, folder=folder)
        try:
            status = process.wait(HANGS)
        except BaseException:  # it hangs, or Ctrl-C
            os.kill(process.pid, signal.SIGKILL)
            process.wait(HANGS)
            raise
        stdout.seek(0)
        stderr.seek(0)
        if status:
            pytest.fail(f"The program ended with {status}: {stderr.read().decode(errors='replace')}", pytrace=False)
        return stdout.read()


def run_after_airflow(program: str) -> str:
    """
    Run a program in an interpreter that has imported ``airflow.sdk`` and nothing of us; return what it prints.

    :param program: its text; what it raises fails the test
    """
    return run_after("import airflow.sdk", program).decode()


def end() -> None:
    """End the interpreters."""
    while _interpreters:
        _interpreters.popitem()[1].end()
