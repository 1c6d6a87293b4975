"""
Runners of the localhost backend, and calls of `process_faas`, as forks of a process that has imported what they import.
That takes three quarters of a second of a core off each job, and the unit tests run several hundred.

Runners of another interpreter or environment, and those of scripts, start as they do for users; so do all of
tests/backends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fresh import Forked, interpreter_after
from tests.jobs import process_faas


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
            process = interpreter_after("import lithops.storage.backends.localhost, lithops.worker").start(
                program,
                arguments,
                files={0: theirs.fileno(), 1: 1, 2: 2},
                environment=os.environ,
                folder="/",
                session=True,
            )
        ours.write(given)
    return process


@pytest.fixture(scope="session", autouse=True)
def warm_runners() -> Iterator[None]:
    """Has what this process starts start so."""
    from lithops_provider.jobs.adapter import localhost
    from lithops_provider.jobs.adapter.fork_server import ForkServer

    def environment() -> dict[str, str]:
        found = localhost.environment_of_functions(os.environ)
        return {name: value for name, value in found.items() if name != "PYTEST_CURRENT_TEST"}

    server, servers_environment, program = ForkServer((), environment()), environment(), localhost._RUNNER
    run_job = localhost.DetachedInterpreter.run_job

    def run_job_warm(self: localhost.DetachedInterpreter, job_key: str, job_filename: str) -> Any:
        if self.fork_server is server or self.fork_server is None:
            as_ever = program == localhost._RUNNER and environment() == servers_environment
            self.fork_server = server if as_ever else None
        return run_job(self, job_key, job_filename)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(localhost.DetachedInterpreter, "run_job", run_job_warm)
        patch.setattr(process_faas, "start_call", start_call)
        yield
    server.stop()
