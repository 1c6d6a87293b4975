"""
Starts the jobs of the localhost backend, so that they outlive the process that does. compute.py imports it when the
backend is opened, since it imports Lithops.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lithops.localhost import LocalhostHandlerV1, utils
from lithops.localhost.config import LocalhostEnvironment
from lithops.localhost.v1 import localhost as v1

from lithops_provider.jobs.adapter.environment import environment_of_functions
from lithops_provider.jobs.adapter.private_folder import lithops_folder, make_private_file
from lithops_provider.jobs.errors import SubmitError

#: Characters of what a runtime that can't be run says.
_STDERR_TAIL = 1_000

#: Runs Lithops's own runner from where it is installed. Lithops starts it from a copy in the temporary directory. What
#: every call needs is imported before the runner forks them: the client of the storage alone may take a quarter of a
#: second.
_RUNNER = """
import sys
sys.path[:] = [path for path in sys.path if path]
import cloudpickle
import lithops.storage.backends.{storage}
import lithops_provider.jobs.remote.batch
from lithops.storage.backends.localhost.localhost import LocalhostStorageBackend
from lithops.localhost.v1.runner import main
from lithops.worker import utils
from lithops_provider.jobs.adapter.modules import write_modules
from lithops_provider.jobs.remote.storages import put_whole_file
LocalhostStorageBackend.put_object = put_whole_file
utils.write_module_data = write_modules
main()
"""

#: Runners that this process started: whoever starts a process has to reap it.
_runners: list[subprocess.Popen[bytes]] = []


class Detached(v1.ExecutionEnvironment):  # type: ignore[misc]
    """What an interpreter and a container have in common."""

    def _copy_lithops_to_tmp(self) -> None:
        with _unless_done(v1.LITHOPS_LOCATION, v1.LITHOPS_TEMP_DIR):
            super()._copy_lithops_to_tmp()

    def get_metadata(self) -> Any:
        command = self._command("get_metadata")
        environment = environment_of_functions(os.environ)
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SubmitError(
                f"the runtime {self.runtime_name!r} can't be run on this machine, {command[0]} ended with "
                f"{done.returncode}: {done.stderr.strip()[-_STDERR_TAIL:]}"
            )
        return json.loads(done.stdout.strip().splitlines()[-1])

    def prepare_job_file(self, job_payload: dict[str, Any]) -> Any:
        """Has Lithops write the job file, which holds credentials, into one that is closed to others already."""
        config = job_payload["config"]
        bucket = config[config["lithops"]["storage"]]["storage_bucket"]
        folder = os.path.join(lithops_folder(), bucket, v1.JOBS_PREFIX)
        os.makedirs(folder, exist_ok=True)
        make_private_file(os.path.join(folder, f"{job_payload['job_key']}-job.json"))
        return super().prepare_job_file(job_payload)

    def _start_job_process(self, job_key: str, command: list[str]) -> Any:
        """Starts the runner so that it outlives this process: no pipe that breaks when this process ends."""
        with open(os.path.join(lithops_folder(), "airflow-provider-runner.log"), "ab") as log:
            runner = subprocess.Popen(
                command,
                env=environment_of_functions(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _runners[:] = [known for known in _runners if known.poll() is None]
        _runners.append(runner)
        return runner


class DetachedInterpreter(Detached, v1.DefaultEnvironment):  # type: ignore[misc]
    """
    Runs functions with a Python interpreter.

    :param config: of the backend
    :param storage: name of the storage backend
    """

    def __init__(self, config: dict[str, Any], storage: str) -> None:
        super().__init__(config)
        self._storage = storage
        self._own_interpreter = config["runtime"] == sys.executable

    def _command(self, *arguments: str) -> list[str]:
        if self._own_interpreter:
            return [self.runtime_name, "-c", _RUNNER.format(storage=self._storage), *arguments]
        self._ensure_runner()
        return [self.runtime_name, v1.RUNNER_FILE, *arguments]

    def setup(self) -> None:
        if not self._own_interpreter:
            super().setup()

    def run_job(self, job_key: str, job_filename: str) -> Any:
        return self._start_job_process(job_key, self._command("run_job", job_filename))


class DetachedContainer(Detached, v1.ContainerEnvironment):  # type: ignore[misc]
    """Runs functions in a container."""

    def _command(self, *arguments: str) -> list[str]:
        self._ensure_runner()
        name = f"lithops_metadata_{uuid.uuid4().hex[:16]}"  # other clients may be asking at the same time
        command: list[str] = self._container_cmd(name, [v1.DOCKER_RUNNER_FILE, *arguments])
        return command


class DetachedLocalhostHandler(LocalhostHandlerV1):  # type: ignore[misc]
    """
    Lithops's handler of the backend, with runners that nothing of this process is needed for. It starts a runner at
    once; Lithops's own leaves that to a thread, which keeps the process from ending.

    :param config: of the backend
    :param storage: name of the storage backend
    """

    def __init__(self, config: dict[str, Any], storage: str) -> None:
        self._storage = storage  # Lithops's own calls `init` at once
        super().__init__(config)

    def init(self) -> None:
        default = self.environment == LocalhostEnvironment.DEFAULT
        self.env = DetachedInterpreter(self.config, self._storage) if default else DetachedContainer(self.config)
        self.env.setup()

    def invoke(self, job_payload: dict[str, Any]) -> None:
        self.env.run_job(job_payload["job_key"], self.env.prepare_job_file(job_payload))


@contextlib.contextmanager
def _unless_done(source: str, folder: str) -> Iterator[None]:
    """
    Lets Lithops believe that it has copied its package if the copy is as it should be. Every new process would replace
    it under the runners of others, which import from it.

    :param source: the package
    :param folder: where its copy is
    """
    os.makedirs(folder, exist_ok=True)
    with open(Path(folder, ".airflow-provider-copy.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = utils._source_fingerprint(source)
        if utils._source_fingerprint(os.path.join(folder, "lithops")) == wanted:
            utils._COPIED_PACKAGES.add((source, folder, wanted))
        yield
