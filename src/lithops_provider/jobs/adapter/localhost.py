"""
Starts the jobs of the localhost backend so that they outlive the process that starts them. This module imports Lithops,
so compute.py imports it only when the backend is opened.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lithops.localhost import LocalhostHandlerV1, utils
from lithops.localhost.config import LocalhostEnvironment
from lithops.localhost.v1 import localhost as v1

from lithops_provider.jobs.adapter.environment import environment_of_functions
from lithops_provider.jobs.adapter.fork_server import ForkServer
from lithops_provider.jobs.adapter.prepared_runner import PreparedRunner, keep_prepared, take_prepared
from lithops_provider.jobs.adapter.private_folder import lithops_folder, make_private_file
from lithops_provider.jobs.errors import SubmitError

#: Characters of a runtime's error output that an error message shows.
_STDERR_TAIL = 1_000
#: Seconds between looks at a process that starts.
_MOMENT = 0.001

#: Source of the process that runs a job, without the call of ``main``. It uses Lithops's own runner from where Lithops
#: is installed, while Lithops itself would start a copy in the temporary directory. It imports what every call needs
#: before the runner forks the calls: importing the client of the storage alone may take a quarter of a second. The
#: imports that hardly any call uses are delayed, and numpy, which Lithops imports for functions that use it, is hidden
#: where no function can use it. So is psutil, always: with it, Lithops would measure for each call what the process
#: that waits for the function takes, which costs 10 ms and which nobody reads. Functions can import both. Two functions
#: of Lithops are replaced by ours.
_PREPARE = """
import sys
sys.path[:] = [path for path in sys.path if path]
from lithops_provider.jobs.adapter.later_modules import later_modules
with later_modules(["pika", "requests"], ["psutil", *{hidden!r}]):
    from lithops.localhost.v1.runner import main
import cloudpickle
import lithops.storage.backends.{storage}
import lithops_provider.jobs.remote.batch
from lithops.storage.backends.localhost.localhost import LocalhostStorageBackend
from lithops.worker import utils
from lithops_provider.jobs.adapter.modules import write_modules
from lithops_provider.jobs.adapter.workarounds.call_processes import run_calls_in_workers
from lithops_provider.jobs.remote.storages import put_whole_file
LocalhostStorageBackend.put_object = put_whole_file
utils.write_module_data = write_modules
run_calls_in_workers()
"""
_RUNNER = f"{_PREPARE}main()\n"
#: What `_PREPARE` hides from functions that import nothing but Python's own modules.
_FOR_PACKAGES = ["numpy"]

#: Runners that this process has started. One that has ended stays in the process table until its exit code is asked
#: for, which happens when the next one starts.
_runners: list[subprocess.Popen[bytes]] = []


class Detached(v1.ExecutionEnvironment):  # type: ignore[misc]
    """What `DetachedInterpreter` and `DetachedContainer` have in common."""

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
        """
        Makes the job file, closed to other users, before Lithops writes the job into it: it will hold credentials, and
        Lithops would make it readable to all.
        """
        config = job_payload["config"]
        bucket = config[config["lithops"]["storage"]]["storage_bucket"]
        folder = os.path.join(lithops_folder(), bucket, v1.JOBS_PREFIX)
        os.makedirs(folder, exist_ok=True)
        make_private_file(os.path.join(folder, f"{job_payload['job_key']}-job.json"))
        return super().prepare_job_file(job_payload)

    def _start_job_process(self, job_key: str, command: list[str]) -> Any:
        """
        Starts the runner in a session of its own, and without a pipe to this process, so that it outlives it. Returns
        it once it can be found as the job's runner.
        """
        with open(_runner_log(), "ab") as log:
            runner = subprocess.Popen(
                command,
                env=environment_of_functions(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _await_command_line(runner.pid)
        return _keep(runner)


class DetachedInterpreter(Detached, v1.DefaultEnvironment):  # type: ignore[misc]
    """
    Runs functions with a Python interpreter.

    :param config: the section of the backend
    :param storage: name of the storage backend
    """

    def __init__(self, config: dict[str, Any], storage: str) -> None:
        super().__init__(config)
        self._storage = storage
        self._own_interpreter = config["runtime"] == sys.executable
        #: If set, it starts the runners, provided that the runtime is this process's own interpreter.
        self.fork_server: ForkServer | None = None
        #: Whether the functions of the next job may import more than Python's own modules.
        self.imports_packages = True

    def _command(self, *arguments: str) -> list[str]:
        if self._own_interpreter:
            hidden = [] if self.imports_packages else _FOR_PACKAGES
            return [self.runtime_name, "-c", _RUNNER.format(storage=self._storage, hidden=hidden), *arguments]
        self._ensure_runner()
        return [self.runtime_name, v1.RUNNER_FILE, *arguments]

    def setup(self) -> None:
        if not self._own_interpreter:
            super().setup()

    def run_job(self, job_key: str, job_filename: str) -> Any:
        if self.fork_server is not None and self._own_interpreter:
            prepare = _PREPARE.format(storage=self._storage, hidden=[])
            return self.fork_server.start_runner(prepare, job_filename, _runner_log())
        if self._own_interpreter and (prepared := take_prepared()) is not None:
            prepare = _PREPARE.format(storage=self._storage, hidden=_FOR_PACKAGES)
            if (runner := prepared.run(prepare, job_filename, self.imports_packages)) is not None:
                return _keep(runner)
        return self._start_job_process(job_key, self._command("run_job", job_filename))


class DetachedContainer(Detached, v1.ContainerEnvironment):  # type: ignore[misc]
    """Runs functions in a container."""

    def _command(self, *arguments: str) -> list[str]:
        self._ensure_runner()
        name = f"lithops_metadata_{uuid.uuid4().hex[:16]}"  # other processes may be asking the same at this time
        command: list[str] = self._container_cmd(name, [v1.DOCKER_RUNNER_FILE, *arguments])
        return command


class DetachedLocalhostHandler(LocalhostHandlerV1):  # type: ignore[misc]
    """
    Lithops's handler of the localhost backend, whose runners need nothing of this process. It starts a runner before
    it returns; Lithops's own leaves that to a thread, which keeps the process from ending.

    :param config: the section of the backend
    :param storage: name of the storage backend
    """

    def __init__(self, config: dict[str, Any], storage: str) -> None:
        self._storage = storage  # set first: the constructor of Lithops's handler calls `init`
        super().__init__(config)

    def init(self) -> None:
        default = self.environment == LocalhostEnvironment.DEFAULT
        self.env = DetachedInterpreter(self.config, self._storage) if default else DetachedContainer(self.config)
        self.env.setup()

    def invoke(self, job_payload: dict[str, Any]) -> None:
        self.env.run_job(job_payload["job_key"], self.env.prepare_job_file(job_payload))


def prepare_runner(config: Mapping[str, Any]) -> None:
    """
    Starts a runner that waits for the first job that this process sends. Does nothing with a runtime other than this
    process's own interpreter.

    :param config: complete configuration
    """
    if config["localhost"]["runtime"] == sys.executable:
        prepare = _PREPARE.format(storage=config["lithops"]["storage"], hidden=_FOR_PACKAGES)
        keep_prepared(PreparedRunner(prepare, _runner_log()))


def _keep(runner: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Notes a runner that this process has started, so that its exit code is asked for when it has ended."""
    _runners[:] = [known for known in _runners if known.poll() is None]
    _runners.append(runner)
    return runner


def _await_command_line(pid: int) -> None:
    """
    Waits until a process that was just started has a command line, by which follow/processes.py finds it. For a moment
    of its start it has none: who looks at the job then would take it for dead.
    """
    import psutil  # comes with Lithops

    with contextlib.suppress(psutil.Error):  # it has ended
        while not psutil.Process(pid).cmdline():
            time.sleep(_MOMENT)


def _runner_log() -> str:
    """Returns the file that takes what runners print."""
    return os.path.join(lithops_folder(), "airflow-provider-runner.log")


@contextlib.contextmanager
def _unless_done(source: str, folder: str) -> Iterator[None]:
    """
    Keeps Lithops from copying its package once more if there is a good copy: it adds that copy to Lithops's own list of
    copies that this process has made. Otherwise every new process would replace the copy while other processes' runners
    import from it.

    :param source: the package
    :param folder: the folder that holds its copy
    """
    os.makedirs(folder, exist_ok=True)
    with open(Path(folder, ".airflow-provider-copy.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = utils._source_fingerprint(source)
        if utils._source_fingerprint(os.path.join(folder, "lithops")) == wanted:
            utils._COPIED_PACKAGES.add((source, folder, wanted))
        yield
