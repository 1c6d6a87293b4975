"""
Starts the runners of the localhost backend by forking a process that has imported what their functions need. Otherwise
each runner would import it anew, which takes seconds for functions that need as much as Airflow's tasks do. The
executor makes such a process, and localhost.py has it start runners.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from lithops_provider.jobs.errors import SubmitError

#: Seconds that the process may take to import everything, and to fork.
_TO_START = 300.0
#: Seconds that it may take to end.
_TO_END = 5.0

#: Source of the process. Each line that it reads is the name of a job file. For each it forks a runner, which leads a
#: session, and answers with the runner's process id once that can be found as the job's runner. It ends when the
#: process that started it has ended. What was imported is frozen: a garbage collection that looks through it in a
#: runner would copy its memory into that process.
_SERVER = """
import contextlib, gc, importlib, os, signal, sys

{prepare}
from lithops_provider.jobs.adapter.prepared_runner import become_runner

def serve(main):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what else is printed is no answer
    for name in {preload!r}:
        with contextlib.suppress(Exception):  # whoever needs it says what is wrong with it
            importlib.import_module(name)
    gc.freeze()
    answers.write("ready\\n")
    for line in sys.stdin:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        file = line.rstrip("\\n")
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            run(main, answers, file, writing)
        os.close(writing)
        os.read(reading, 1)  # it closes its end once it can be found; or it has died
        os.close(reading)
        answers.write(f"{{pid}}\\n")

def run(main, answers, file, sign):
    code = 1
    try:
        os.setsid()
        answers.close()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        become_runner(file)
        os.close(sign)
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(code)

serve(main)
"""


class ForkServer:
    """
    A process that forks runners. It is started when the first is wanted, and again if it has died.

    :param preload: names of the modules that it imports first; those that can't be imported are left out
    :param environment: the variables of the runners, and of the functions in them
    """

    def __init__(self, preload: Sequence[str], environment: Mapping[str, str]) -> None:
        self._preload = tuple(preload)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start_runner(self, prepare: str, file: str, log: str) -> int:
        """
        Starts the runner of a job.

        :param prepare: source that prepares a runner, and leaves the runner's ``main`` in a variable of that name
        :param file: the job file
        :param log: file that takes what runners print
        :returns: the runner's process id
        :raises SubmitError: it can't be started
        """
        with self._lock:
            for _ in range(2):
                if self._process is None or self._process.poll() is not None:
                    self._end()  # closes the pipes of one that has died
                    self._start(prepare, log)
                answer = self._ask(file)
                if answer.isdigit():
                    return int(answer)
                self._end()
        raise SubmitError(f"the process that starts runners on this machine answered {answer!r:.100}; see {log}")

    def stop(self) -> None:
        """Ends the process. Runners go on."""
        with self._lock:
            self._end()

    def _start(self, prepare: str, log: str) -> None:
        source = _SERVER.format(prepare=prepare, preload=self._preload)
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", source],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )
        if (answer := self._read_line()) != "ready":
            self._end()
            raise SubmitError(f"the process that starts runners on this machine has not started: {answer!r}; see {log}")

    def _ask(self, file: str) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{file}\n".encode())
            self._process.stdin.flush()
        except OSError:  # it has died
            return ""
        return self._read_line()

    def _read_line(self) -> str:
        """Returns the process's next line, or a part of it if the process ends or takes too long."""
        assert self._process is not None
        assert self._process.stdout is not None
        found = b""
        descriptor = self._process.stdout.fileno()
        end = time.monotonic() + _TO_START
        while not found.endswith(b"\n") and (left := end - time.monotonic()) > 0:
            if not select.select([descriptor], [], [], left)[0]:
                break
            piece = os.read(descriptor, 100)
            if not piece:
                break
            found += piece
        return found.decode(errors="replace").strip()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            process.wait(_TO_END)
        except subprocess.TimeoutExpired:  # it imports, or hangs
            process.kill()
            process.wait()
