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

import pytest

from tools.waiting import HANGS

#: What such an interpreter runs. It forks for each request. The fork forks once more, waits for that process, and
#: answers with its process id and its exit code; the process itself goes on below the loop, with the request's program.
_SERVER = """
import json, os, socket, sys
{imports}

control = socket.socket(fileno=int(sys.argv[1]))
while True:
    request, files, *_ = socket.recv_fds(control, 1 << 20, 4)
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
control.close()
answer = socket.socket(fileno=files.pop(0))
if child := os.fork():
    for file in files:
        os.close(file)
    answer.sendall(b"%d " % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os._exit(0)
request = json.loads(request)
if request["session"]:
    os.setsid()
for number, file in enumerate(files):
    os.dup2(file, number)
    os.close(file)
os.chdir(request["folder"])
os.environ.clear()
os.environ.update(request["environment"])
sys.argv = ["-c", *request["arguments"]]
answer.sendall(b"%d " % os.getpid())
answer.close()
program = compile(request["program"], "<string>", "exec")
for name in ("control", "request", "files", "file", "answer", "child", "number"):
    globals().pop(name, None)
exec(program)
"""


class Forked:
    """
    A process that is no child of this one; what subprocess.Popen is for one that is.

    :param answer: what says its process id, and at its end its exit code
    """

    def __init__(self, answer: socket.socket) -> None:
        self._answer = answer
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

    def _read(self, timeout: float | None) -> int:
        if not select.select([self._answer], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        text = b""
        while not text.endswith(b" ") and (byte := self._answer.recv(1)):
            text += byte
        return int(text or -signal.SIGKILL)  # nothing if what waits for it has been killed


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

    def start(
        self,
        program: str,
        arguments: Sequence[str] = (),
        *,
        files: tuple[int, int, int],
        environment: Mapping[str, str],
        folder: str | None = None,
        session: bool = False,
    ) -> Forked:
        """
        Start a program.

        :param program: its text
        :param arguments: what it finds in ``sys.argv[1:]``
        :param files: its stdin, stdout and stderr
        :param environment: all its variables
        :param folder: where it runs, instead of here
        :param session: whether it leads a session of its own
        """
        request = {
            "program": program,
            "arguments": arguments,
            "environment": {**environment},
            "folder": folder or os.getcwd(),
            "session": session,
        }
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._server is None:
                self._serve()
            socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno(), *files])
        return Forked(ours)

    def _serve(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", _SERVER.format(imports=self.imports), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self.environment,
                pass_fds=[theirs.fileno()],
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
        files = (stdin.fileno(), stdout.fileno(), stderr.fileno())
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
