"""
Runners on localhost as forks of a process that has imported what they import, for the tasks of an Airflow of tests, as
tests/jobs/warm.py has it for unit tests. An import takes three quarters of a second of a core, and the tests run
several hundred jobs.

The scheduler runs `begin` before it starts: its LocalExecutor's tasks are forks of it. They have imported Lithops, too.
Tasks of the LithopsExecutor and of Celery start their runners as they do for users.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from tests.fresh import Forked, Interpreter, interpreter_after, start_in
from tools.airflow_stack import AirflowStack

#: What the tasks of tests import beside Airflow.
_OF_TASKS = (
    "lithops.storage.backends.localhost",
    "lithops_provider.hooks",
    "lithops_provider.jobs.run",
    "lithops_provider.operators",
    "lithops_provider.task.run",
    "numpy",
)


def interpreter_of_runners(stack: AirflowStack) -> Interpreter:
    """
    Return an interpreter that imports what runners on localhost import.

    :param stack: the Airflow, whose temporary folder Lithops remembers when it is imported
    """
    from lithops_provider.jobs.adapter import localhost

    stack.tmp.mkdir(parents=True)
    prepare = localhost._PREPARE.format(storage="localhost", hidden=localhost._FOR_PACKAGES)
    interpreter = interpreter_after(f"import setproctitle\nsetproctitle.getproctitle()  # finds its place\n{prepare}")
    interpreter.environment = {**stack.env}
    return interpreter


def preload_of_scheduler(path: Path) -> str:
    """
    Return what a scheduler has to run before it starts.

    :param path: where the interpreter listens
    """
    folder = str(Path(__file__).parent.parent.parent)
    return (
        f"import sys; sys.path.insert(0, {folder!r})\n"
        f"from tests.airflow.warm import begin; sys.path.remove({folder!r})\n"
        f"begin({str(path)!r})\n"
    )


def begin(path: str) -> None:
    """
    Have this process and its forks start runners as forks of an interpreter.

    :param path: where that listens
    """
    from lithops_provider.jobs.adapter import localhost, prepared_runner

    for name in _OF_TASKS:
        importlib.import_module(name)

    def popen(command: Sequence[str], **options: Any) -> Any:
        if command[:2] == [sys.executable, "-c"] and "PYTHONPATH" not in options["env"]:
            return _start(path, *command[2:], **options)
        return subprocess.Popen(command, **options)

    for module in (localhost, prepared_runner):
        module.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": popen})  # type: ignore[attr-defined]


def _start(
    path: str,
    program: str,
    *arguments: str,
    env: Mapping[str, str],
    stdin: int,
    stdout: IO[bytes],
    stderr: int,
    start_new_session: bool,
    pass_fds: Sequence[int] = (),
) -> Forked:
    """Start what `subprocess.Popen` would."""
    assert stderr == subprocess.STDOUT
    reading, writing = os.pipe()
    given = os.fdopen(writing, "wb")
    with os.fdopen(reading, "rb"), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
        control.connect(path)
        process = start_in(
            control,
            program,
            arguments,
            files={0: reading, 1: stdout.fileno(), 2: stdout.fileno(), **{number: number for number in pass_fds}},
            environment=env,
            session=start_new_session,
            title=" ".join(["runner", *arguments]) if arguments else None,
        )
    if stdin == subprocess.PIPE:
        process.stdin = given
    else:
        given.close()
    return process
