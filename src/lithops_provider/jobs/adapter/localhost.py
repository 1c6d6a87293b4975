"""
Starts the jobs of the localhost backend, so that they outlive the process that does. Like compute.py, uses of
Lithops what isn't documented.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
from lithops.localhost.v1.runner import main
from lithops.worker import utils
from lithops_provider.jobs.adapter.localhost import write_modules
utils.write_module_data = write_modules
main()
"""

#: Runners that this process started: whoever starts a process has to reap it.
_runners: list[subprocess.Popen[bytes]] = []


def detached_localhost_handler(config: dict[str, Any], storage: str) -> Any:
    """
    Returns Lithops's handler of the backend, with runners that nothing of this process is needed for.

    :param config: of the backend
    :param storage: name of the storage backend
    """
    from lithops.localhost import LocalhostHandlerV1
    from lithops.localhost.config import LocalhostEnvironment
    from lithops.localhost.v1 import localhost as v1

    own_interpreter = config["runtime"] == sys.executable

    class Detached(v1.ExecutionEnvironment):  # type: ignore[misc]
        """What an interpreter and a container have in common."""

        def _copy_lithops_to_tmp(self) -> None:
            with _unless_done(v1.LITHOPS_LOCATION, v1.LITHOPS_TEMP_DIR):
                super()._copy_lithops_to_tmp()

        def get_metadata(self) -> Any:
            command = self._command("get_metadata")
            done = subprocess.run(command, check=False, capture_output=True, text=True)
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
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            _runners[:] = [known for known in _runners if known.poll() is None]
            _runners.append(runner)
            return runner

    class DetachedInterpreter(Detached, v1.DefaultEnvironment):  # type: ignore[misc]
        def _command(self, *arguments: str) -> list[str]:
            if own_interpreter:
                return [self.runtime_name, "-c", _RUNNER.format(storage=storage), *arguments]
            self._ensure_runner()
            return [self.runtime_name, v1.RUNNER_FILE, *arguments]

        def setup(self) -> None:
            if not own_interpreter:
                super().setup()

        def run_job(self, job_key: str, job_filename: str) -> Any:
            return self._start_job_process(job_key, self._command("run_job", job_filename))

    class DetachedContainer(Detached, v1.ContainerEnvironment):  # type: ignore[misc]
        def _command(self, *arguments: str) -> list[str]:
            self._ensure_runner()
            name = f"lithops_metadata_{uuid.uuid4().hex[:16]}"  # other clients may be asking at the same time
            command: list[str] = self._container_cmd(name, [v1.DOCKER_RUNNER_FILE, *arguments])
            return command

    class DetachedLocalhostHandler(LocalhostHandlerV1):  # type: ignore[misc]
        """Starts the runner at once; Lithops's own leaves that to a thread, which keeps the process from ending."""

        def init(self) -> None:
            default = self.environment == LocalhostEnvironment.DEFAULT
            self.env = DetachedInterpreter(self.config) if default else DetachedContainer(self.config)
            self.env.setup()

        def invoke(self, job_payload: dict[str, Any]) -> None:
            self.env.run_job(job_payload["job_key"], self.env.prepare_job_file(job_payload))

    return DetachedLocalhostHandler(config)


def write_modules(folder: str, modules: Mapping[str, str] | None) -> None:
    """
    Does what Lithops's `write_module_data` does for each call of a job, but never changes a file that is there: another
    call may be importing it at that moment.

    :param folder: the job's
    :param modules: base64 of the files, by their paths
    """
    for name, content in (modules or {}).items():
        path = Path(folder, name.lstrip("/"))
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(base64.b64decode(content))
        os.replace(file.name, path)


@contextlib.contextmanager
def _unless_done(source: str, folder: str) -> Iterator[None]:
    """
    Lets Lithops believe that it has copied its package if the copy is as it should be. Every new process would replace
    it under the runners of others, which import from it.

    :param source: the package
    :param folder: where its copy is
    """
    from lithops.localhost import utils

    os.makedirs(folder, exist_ok=True)
    with open(Path(folder, ".airflow-provider-copy.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = utils._source_fingerprint(source)
        if utils._source_fingerprint(os.path.join(folder, "lithops")) == wanted:
            utils._COPIED_PACKAGES.add((source, folder, wanted))
        yield
