"""Other processes of a test: programs in an interpreter of their own, and forks. None of them can hang a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from tools.waiting import HANGS


def run_python(
    program: str,
    *arguments: str,
    given: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | str | None = None,
) -> bytes:
    """
    Run a program in a fresh interpreter and return what it prints; what it writes to stderr is shown with the test's.

    :param program: its text
    :param arguments: what it finds in ``sys.argv[1:]``
    :param given: what it can read from stdin
    :param environment: variables besides those of this process
    :param folder: where it runs, instead of here
    :raises subprocess.CalledProcessError: it ended with another status than 0
    """
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        input=given,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        timeout=HANGS,
        check=True,
    )
    return done.stdout


def run_forked(action: Callable[[], object]) -> int:
    """
    Do something in a fork of this process, in which nothing of pytest goes on.

    :param action: what to do
    :return: 0; 1 if the action raised something, which is then shown; minus the number of the signal that ended it
    """
    pid = os.fork()
    if pid == 0:
        _do_and_exit(action)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _do_and_exit(action: Callable[[], object]) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest-timeout's would raise an exception
        signal.alarm(int(HANGS))
        action()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
