"""
Runners of the localhost backend, and calls of `process_faas`, as forks of an interpreter that has imported what they
import. That takes three quarters of a second of a core off each job, and the unit tests run several hundred.

Runners of another interpreter, those of scripts and all of tests/airflow and tests/backends start as they do for users.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fresh import Forked, interpreter_after
from tests.jobs import process_faas

#: What Lithops looks at when it is imported.
_IMPORTED_WITH = ("HOME", "LITHOPS_CONFIG", "LITHOPS_CONFIG_FILE", "PATH", "PYTHONPATH", "TMPDIR")
_FAAS_IMPORTS = "import lithops.storage.backends.localhost, lithops.worker"


class Subprocess:
    """
    The module subprocess, but for the program of runners.

    :param program: its text
    """

    def __init__(self, program: str) -> None:
        self._command = [sys.executable, "-c", program]
        imports, self._main, _ = program.rpartition("main()\n")
        self._interpreter = interpreter_after(imports)

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, command: list[str], *, env: dict[str, str], stdout: Any, **options: Any) -> Any:  # noqa: N802
        imported_with = self._interpreter.environment
        if command[:3] != self._command or any(env.get(name) != imported_with.get(name) for name in _IMPORTED_WITH):
            return subprocess.Popen(command, env=env, stdout=stdout, **options)
        with open(os.devnull) as nothing:
            return self._interpreter.start(
                self._main,
                command[3:],
                files=(nothing.fileno(), stdout.fileno(), stdout.fileno()),
                environment=env,
                session=options["start_new_session"],
                title=" ".join(["runner", *command[3:]]),
            )


def start_call(program: str, arguments: list[str], given: bytes) -> Forked:
    """
    Starts the process of an invocation of `process_faas`.

    :param program: its text
    :param arguments: its arguments
    :param given: what it reads from stdin
    """
    reading, writing = os.pipe()
    with open(writing, "wb") as ours:
        with open(reading, "rb") as theirs:
            process = interpreter_after(_FAAS_IMPORTS).start(
                program, arguments, files=(theirs.fileno(), 1, 2), environment=os.environ, folder="/", session=True
            )
        ours.write(given)
    return process


@pytest.fixture(scope="session", autouse=True)
def warm_runners() -> Iterator[None]:
    """Has what this process starts start so."""
    from lithops_provider.jobs.adapter import localhost

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(localhost, "subprocess", Subprocess(localhost._RUNNER.format(storage="localhost")))
        patch.setattr(process_faas, "start_call", start_call)
        yield
