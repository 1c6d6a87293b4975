"""
With lithops_modules.py, lithops_storage.py and lithops_messages.py, all that is used of Lithops beyond its documented
interface.
tests/jobs/test_lithops_api.py fails when a release of Lithops moves any of it.

Lithops's own FunctionExecutor isn't used: it numbers its jobs itself, deletes their data when the process ends,
starts threads that the end of an Airflow task cuts off, and sets up logging. Its parts do what is needed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.lithops_messages import make_queue
from lithops_provider.jobs.lithops_modules import excluded, included, module_paths
from lithops_provider.jobs.remote.results import job_prefix

#: Calls that each process of the localhost backend gets, so that a slow one doesn't hold up the others.
_LOCAL_CALLS_PER_PROCESS = 4
#: Seconds for which a FaaS backend may refuse an invocation before the submission fails.
_REFUSED_FOR = 300.0

#: Runs Lithops's own runner from where it is installed. Lithops starts it from a copy in the temporary directory,
#: which every new client replaces under the runners that import from it. What every call needs is imported before the
#: runner forks them: the client of the storage alone may take a quarter of a second.
_RUNNER = """
import sys
sys.path[:] = [path for path in sys.path if path]
import cloudpickle
import lithops.storage.backends.{storage}
import lithops_provider.jobs.remote.batch
from lithops.localhost.v1.runner import main
main()
"""


#: Serverless backends that can stop a job of theirs from any process (`clear` in lithops.serverless.backends).
STOPPING_BACKENDS = ("k8s", "code_engine")

#: Runners of the localhost backend that this process started: whoever starts a process has to reap it.
_runners: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class CallBatch:
    """
    What is sent to the backend in one go.

    :param executor_id: our executor id
    :param job_id: Lithops's job id
    :param function: the pickled wrapper
    :param function_name: shown in logs and by backends
    :param modules: names of the modules that have to be imported to unpickle the function and the arguments
    :param calls: one pickled argument a call
    :param timeout: seconds that a call has
    :param runtime_memory: MB, or None for the configured
    :param extra_env: environment variables
    :param include_modules: see Lithops's `FunctionExecutor.map`; None ships no module
    :param exclude_modules: the same
    """

    executor_id: str
    job_id: str
    function: bytes
    function_name: str
    modules: Collection[str]
    calls: list[bytes]
    timeout: int
    runtime_memory: int | None
    extra_env: dict[str, str]
    include_modules: list[str] | None
    exclude_modules: list[str]


def quiet_lithops(level: int = logging.WARNING) -> None:
    """Keeps Lithops's chatter out of the log, unless somebody set a level for its logger."""
    logger = logging.getLogger("lithops")
    if logger.level == logging.NOTSET:
        logger.setLevel(level)


class Compute:
    """
    The compute backend of a configuration.

    :param config: complete configuration
    :param internal_storage: see `lithops_provider.jobs.lithops_storage.open_internal_storage`
    """

    def __init__(self, config: dict[str, Any], internal_storage: Any) -> None:
        self.config = config
        self.internal_storage = internal_storage
        self.backend: str = config["lithops"]["backend"]
        self.mode: str = config["lithops"]["mode"]
        self.handler = self._make_handler()
        config["lithops"]["backend_type"] = self.handler.get_backend_type()
        self.invoker = self._make_invoker()
        self.runtime: str = self.invoker.runtime_name
        self._submitted = False

    def _make_handler(self) -> Any:
        from lithops import config as lithops_config
        from lithops.constants import LOCALHOST, SERVERLESS

        if self.mode == LOCALHOST:
            return _detached_localhost_handler(
                lithops_config.extract_localhost_config(self.config), self.config["lithops"]["storage"]
            )
        if self.mode == SERVERLESS:
            from lithops.serverless import ServerlessHandler

            return ServerlessHandler(lithops_config.extract_serverless_config(self.config), self.internal_storage)
        from lithops.standalone import StandaloneHandler

        return StandaloneHandler(lithops_config.extract_standalone_config(self.config))

    def _make_invoker(self) -> Any:
        from lithops.invokers import BatchInvoker
        from lithops.utils import BackendType

        class DetachedBatchInvoker(BatchInvoker):  # type: ignore[misc]
            def _build_futures(self, job: SimpleNamespace) -> list[Any]:
                return []

        faas = self.handler.get_backend_type() == BackendType.FAAS.value
        invoker = _detached_faas_invoker() if faas else DetachedBatchInvoker
        executor_id = "0000000000000000-0"  # each job brings its own
        return invoker(self.config, executor_id, self.internal_storage, self.handler, None)

    def capacity(self) -> int:
        """Returns how many calls the backend takes at once."""
        processes = self.config[self.backend].get("worker_processes")
        processes = processes if isinstance(processes, int) else 1  # standalone backends say "AUTO"
        if self.mode == "localhost":
            return processes * _LOCAL_CALLS_PER_PROCESS
        return max(1, int(self.invoker.max_workers or 1) * max(processes, self.config["lithops"]["chunksize"] or 1))

    def submit(self, batch: CallBatch) -> None:
        """
        Sends all calls. Nothing of this process is needed any more when it returns.

        :param batch: the calls
        :raises SubmitError: the backend did not take them
        """
        self._renew()
        runtime_meta = self.invoker.select_runtime(batch.job_id, batch.runtime_memory)
        job = self._make_job(batch, runtime_meta)
        self._upload(batch, job, runtime_meta)
        self._prepare_monitoring(batch.executor_id)
        self.invoker._run_job(job)

    def _renew(self) -> None:
        """Opens the backend anew for each round if it keeps a connection to a broker, who closes it after a minute."""
        connection = getattr(getattr(self.handler, "backend", None), "connection", None)
        if self._submitted and connection is not None:
            with contextlib.suppress(Exception):  # it is closed, or the broker is gone: the new one will tell
                connection.close()
            self.handler = self._make_handler()
            self.invoker = self._make_invoker()
        self._submitted = True

    def stop(self, executor_id: str, job_id: str) -> None:
        """
        Stops the running calls of a job, on one of `STOPPING_BACKENDS`.

        :param executor_id: the job's
        :param job_id: the job's
        """
        from lithops.storage.utils import create_job_key

        self.handler.clear([create_job_key(executor_id, job_id)])

    def call_limit(self, wanted: int, job_id: str, runtime_memory: int | None) -> int:
        """
        Returns how many seconds the backend lets a call run.

        :param wanted: seconds that the items of a call may need together
        :param job_id: for Lithops's log
        :param runtime_memory: MB, or None for the configured
        """
        job = SimpleNamespace(execution_timeout=wanted)
        self._apply_limits(job, self.invoker.select_runtime(job_id, runtime_memory), runtime_memory)
        return int(job.execution_timeout)

    def more_memory(self, memory: int | None, limit: int | None) -> int | None:
        """
        Returns twice the memory, as far as the backend lets a job choose it.

        :param memory: MB that the job has now, or None for the configured
        :param limit: MB at most; None to leave it as it is
        """
        current = memory or self.config[self.backend].get("runtime_memory")
        if self.mode != "serverless" or limit is None or not current:
            return memory
        return max(int(current), min(int(current) * 2, limit))

    def _apply_limits(self, job: SimpleNamespace, runtime_meta: Any, runtime_memory: int | None) -> None:
        from lithops.job.job import _apply_mode_limits

        _apply_mode_limits(job, self.config, runtime_meta, runtime_memory)

    def _make_job(self, batch: CallBatch, runtime_meta: Any) -> SimpleNamespace:
        """Does what `lithops.job.job._create_job` does, which would pickle and inspect each item anew."""
        from lithops.storage.utils import create_job_key

        job = SimpleNamespace(
            chunksize=self.config["lithops"]["chunksize"],
            worker_processes=self.config[self.backend]["worker_processes"],
            execution_timeout=batch.timeout,
            backend=self.backend,
            executor_id=batch.executor_id,
            job_id=batch.job_id,
            job_key=create_job_key(batch.executor_id, batch.job_id),
            extra_env=dict(batch.extra_env),
            function_name=batch.function_name,
            total_calls=len(batch.calls),
            metadata={"host_job_create_tstamp": time.time()},
        )
        self._apply_limits(job, runtime_meta, batch.runtime_memory)
        return job

    def _upload(self, batch: CallBatch, job: SimpleNamespace, runtime_meta: Any) -> None:
        import pickle

        from lithops.job.job import _attach_data
        from lithops.job.serialize import SerializeIndependent, create_module_data

        serializer = SerializeIndependent(runtime_meta["preinstalls"])
        paths: set[str] = set()
        includes = included(self.config, batch.include_modules)
        if includes is not None:  # what is included comes on top of what is found; Lithops would ship only that
            paths |= module_paths(
                batch.modules, runtime_meta["preinstalls"], excluded(self.config, batch.exclude_modules)
            )
            paths |= serializer.module_paths([], sorted(includes), []) if includes else set()
        code = pickle.dumps({"func": batch.function, "module_data": create_module_data(paths)}, -1)
        job.func_key = f"{job_prefix(batch.executor_id, batch.job_id)}/func.pickle"
        self.internal_storage.put_func(job.func_key, code)
        serialized = SimpleNamespace(data_strs=batch.calls)
        _attach_data(self.config, self.internal_storage, job, serialized, job.metadata, batch.executor_id)

    def _prepare_monitoring(self, executor_id: str) -> None:
        """
        Prepares the message queue that the workers report to if the user asked for one: publishing to a queue that
        isn't there costs each call seconds of retries. The job itself is followed through storage.
        """
        monitoring = self.config["lithops"]["monitoring"]
        if monitoring != "storage":
            try:
                make_queue(self.config, self.internal_storage, executor_id)
            except Exception as error:
                reason = str(error) or type(error).__name__
                raise SubmitError(
                    f"monitoring={monitoring!r}: its server can't be used: {reason}; check the section "
                    f"{monitoring!r} of the configuration, or use monitoring='storage'"
                ) from error


def _detached_faas_invoker() -> Any:
    from lithops.invokers import FaaSInvoker, _format_call_id
    from lithops.utils import iterchunks

    class DetachedFaaSInvoker(FaaSInvoker):  # type: ignore[misc]
        """Sends every call before it returns; Lithops's own leaves what exceeds max_workers to threads."""

        def _build_futures(self, job: SimpleNamespace) -> list[Any]:
            return []

        def _invoke_job(self, job: SimpleNamespace) -> None:
            self.compute_handler.pre_invoke(job)
            if self.remote_invoker:
                self._invoke_job_remote(job)
                return
            with ThreadPoolExecutor(self.invoke_pool_threads) as pool:
                chunks = iterchunks(range(job.total_calls), job.chunksize or 1)
                for _ in pool.map(lambda chunk: self._invoke_chunk(job, chunk), chunks):
                    pass

        def _invoke_chunk(self, job: SimpleNamespace, calls: Iterable[int]) -> None:
            payload = self._create_payload(job)
            indices = list(calls)
            payload["call_ids"] = [_format_call_id(index) for index in indices]
            if job.data_key:
                payload["data_byte_ranges"] = [job.data_byte_ranges[index] for index in indices]
            else:
                del payload["data_byte_ranges"]
                payload["data_byte_strs"] = [job.data_byte_strs[index] for index in indices]
            give_up = time.monotonic() + _REFUSED_FOR
            delay = 0.5
            while not self.compute_handler.invoke(payload):  # None: refused, as when too many run at once
                if time.monotonic() > give_up:
                    raise SubmitError(
                        f"{self.backend} refused invocations for {_REFUSED_FOR:g} s; is its concurrency limit below "
                        f"max_workers = {self.max_workers}?"
                    )
                time.sleep(delay)
                delay = min(delay * 2, 10.0)

    return DetachedFaaSInvoker


def _detached_localhost_handler(config: dict[str, Any], storage: str) -> Any:
    from lithops.localhost import LocalhostHandlerV1
    from lithops.localhost.config import LocalhostEnvironment
    from lithops.localhost.v1 import localhost as v1

    own_interpreter = config["runtime"] == sys.executable

    def start(environment: Any, job_key: str, command: list[str]) -> Any:
        """Starts the runner so that it outlives this process: no pipe that breaks when this process ends."""
        os.makedirs(v1.LITHOPS_TEMP_DIR, exist_ok=True)
        with open(os.path.join(v1.LITHOPS_TEMP_DIR, "airflow-provider-runner.log"), "ab") as log:
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

    class DetachedEnvironment(v1.DefaultEnvironment):  # type: ignore[misc]
        _start_job_process = start

        def _command(self, *arguments: str) -> list[str]:
            if own_interpreter:
                return [self.runtime_name, "-c", _RUNNER.format(storage=storage), *arguments]
            self._ensure_runner()
            return [self.runtime_name, v1.RUNNER_FILE, *arguments]

        def setup(self) -> None:
            if not own_interpreter:
                super().setup()

        def get_metadata(self) -> Any:
            import json

            done = subprocess.run(self._command("get_metadata"), check=True, stdout=subprocess.PIPE, text=True)
            return json.loads(done.stdout.strip().splitlines()[-1])

        def run_job(self, job_key: str, job_filename: str) -> Any:
            return self._start_job_process(job_key, self._command("run_job", job_filename))

    class DetachedContainer(v1.ContainerEnvironment):  # type: ignore[misc]
        _start_job_process = start

    class DetachedLocalhostHandler(LocalhostHandlerV1):  # type: ignore[misc]
        """Starts the runner at once; Lithops's own leaves that to a thread, which keeps the process from ending."""

        def init(self) -> None:
            default = self.environment == LocalhostEnvironment.DEFAULT
            self.env = DetachedEnvironment(self.config) if default else DetachedContainer(self.config)
            self.env.setup()

        def invoke(self, job_payload: dict[str, Any]) -> None:
            job_file = self.env.prepare_job_file(job_payload)
            with contextlib.suppress(OSError):  # a container's path
                os.chmod(job_file, 0o600)  # it holds the configuration, credentials included
            self.env.run_job(job_payload["job_key"], job_file)

    return DetachedLocalhostHandler(config)
