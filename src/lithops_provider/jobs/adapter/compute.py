"""
The compute backend of a configuration, which `LithopsClient.compute` opens, and to which submit/send.py gives calls.
This folder holds everything that is used of Lithops beyond its documented interface; tests/jobs/adapter/test_compute.py
fails when a release of Lithops changes any of it.

Lithops's own FunctionExecutor isn't used: it numbers its jobs itself, deletes their data when the process ends,
starts threads that the end of an Airflow task cuts off, and sets up logging. The classes that it is made of are used
instead.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.adapter.modules import excluded, included, module_paths
from lithops_provider.jobs.adapter.package_data import package_data
from lithops_provider.jobs.adapter.prepared_runner import discard_prepared
from lithops_provider.jobs.adapter.queues import make_queue
from lithops_provider.jobs.adapter.runtimes.layers import use_layer
from lithops_provider.jobs.adapter.workarounds.answers import report_answers
from lithops_provider.jobs.adapter.workarounds.archives import use_own_archive
from lithops_provider.jobs.adapter.workarounds.google import mend_tokens
from lithops_provider.jobs.adapter.workarounds.ibm import share_no_tokens
from lithops_provider.jobs.adapter.workarounds.ssh import say_refusals
from lithops_provider.jobs.adapter.workarounds.vm import mend_vm
from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.remote.keys import FUNCTION, job_prefix

if TYPE_CHECKING:
    from lithops_provider.jobs.adapter.fork_server import ForkServer

#: Calls to plan for each process of the localhost backend. With only one each, a slow call would leave the other
#: processes without work.
_LOCAL_CALLS_PER_PROCESS = 3

#: Calls to plan for a machine that runs as many at once as it has cores, which isn't known here. Those that find no
#: free process wait in its queue.
_PROCESSES_OF_A_MACHINE = 16

#: Backends that start a call again whose process has died, beside those that are services for functions.
_REPEATING_BACKENDS = ("code_engine",)

#: Serverless backends that can stop a job of theirs from any process (`clear` in lithops.serverless.backends).
STOPPING_BACKENDS = ("k8s", "code_engine")


@dataclass(frozen=True)
class CallBatch:
    """
    The calls of one round, as they are given to the backend.

    :param executor_id: our executor id
    :param job_id: Lithops's job id
    :param function: the pickled wrapper
    :param function_name: shown in logs and by backends
    :param modules: names of the modules that have to be imported to unpickle the function and the arguments
    :param imports_packages: whether they may import more than Python's own modules
    :param calls: the pickled argument of each call
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
    imports_packages: bool
    calls: list[bytes]
    timeout: int
    runtime_memory: int | None
    extra_env: dict[str, str]
    include_modules: list[str] | None
    exclude_modules: list[str]


def quiet_lithops(level: int = logging.WARNING) -> None:
    """Keeps Lithops's messages below ``level`` out of the log, unless somebody has set a level for its logger."""
    logger = logging.getLogger("lithops")
    if logger.level == logging.NOTSET:
        logger.setLevel(level)


@contextlib.contextmanager
def runner_prepared(config: Mapping[str, Any]) -> Iterator[None]:
    """
    Within this context, a process is ready for the first job that is sent, if its functions run on this machine. It
    imports what they need while the job is still being made. Otherwise that would take a third of a second afterwards.

    :param config: complete configuration
    """
    if config["lithops"]["backend"] != "localhost":
        yield
        return
    from lithops_provider.jobs.adapter.localhost import prepare_runner

    prepare_runner(config)
    try:
        yield
    finally:
        discard_prepared()


class Compute:
    """
    The compute backend of a configuration.

    :param config: complete configuration
    :param internal_storage: see `lithops_provider.jobs.adapter.storage.open_internal_storage`
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

    def _make_handler(self) -> Any:
        from lithops import config as lithops_config
        from lithops.constants import LOCALHOST, SERVERLESS

        if self.mode == LOCALHOST:
            from lithops_provider.jobs.adapter.localhost import DetachedLocalhostHandler

            return DetachedLocalhostHandler(
                lithops_config.extract_localhost_config(self.config), self.config["lithops"]["storage"]
            )
        if self.mode == SERVERLESS:
            from lithops.serverless import ServerlessHandler

            use_own_archive(self.backend)
            report_answers(self.backend)
            share_no_tokens(self.backend)
            handler = ServerlessHandler(lithops_config.extract_serverless_config(self.config), self.internal_storage)
            mend_tokens(self.backend, handler.backend)
            if self.backend == "aws_lambda":
                use_layer(handler.backend)
            return handler
        from lithops.standalone import StandaloneHandler

        mend_vm(self.backend)
        return StandaloneHandler(lithops_config.extract_standalone_config(self.config))

    def _make_invoker(self) -> Any:
        from lithops_provider.jobs.adapter.invokers import DetachedBatchInvoker, DetachedFaaSInvoker

        invoker = DetachedFaaSInvoker if self.is_faas else DetachedBatchInvoker
        executor_id = "0000000000000000-0"  # never used: each job has its own
        made = invoker(self.config, executor_id, self.internal_storage, self.handler, None)
        if self.mode == "standalone":
            say_refusals(self.handler)
        return made

    @property
    def is_faas(self) -> bool:
        """Whether the backend is a service for functions, such as AWS Lambda: each call is an invocation of its own."""
        from lithops.utils import BackendType

        return bool(self.handler.get_backend_type() == BackendType.FAAS.value)

    @property
    def may_repeat(self) -> bool:
        """Whether the backend starts a call again if it dies."""
        return self.is_faas or self.backend in _REPEATING_BACKENDS

    def capacity(self) -> int:
        """Returns how many calls the backend takes at once, those included that wait there for others to end."""
        processes = self._worker_processes()
        if self.mode == "localhost":
            return processes * _LOCAL_CALLS_PER_PROCESS
        return max(1, int(self.invoker.max_workers or 1) * max(processes, self.config["lithops"]["chunksize"] or 1))

    def at_once(self) -> int:
        """Returns how many of `capacity` calls run at once, as far as that is known: else, all of them."""
        return self._worker_processes() if self.mode == "localhost" else self.capacity()

    def _worker_processes(self) -> int:
        """Returns how many calls a worker runs at once, as far as that is known: standalone backends say "AUTO"."""
        processes = self.config[self.backend].get("worker_processes")
        if isinstance(processes, int):
            return processes
        is_one_machine = self.mode == "standalone" and self.config["standalone"]["exec_mode"] == "consume"
        return _PROCESSES_OF_A_MACHINE if is_one_machine else 1

    def prepare(self, batch: CallBatch) -> tuple[Any, list[Callable[[], object]]]:
        """
        Prepares calls, and sends none yet.

        :param batch: the calls
        :returns: what `invoke` takes, once that was done which is returned beside it: writes to the storage that don't
            need each other, and can be repeated
        """
        self._renew()
        runtime_meta = self.invoker.select_runtime(batch.job_id, batch.runtime_memory)
        job = self._make_job(batch, runtime_meta)
        if self.mode == "localhost":
            self.handler.env.imports_packages = batch.imports_packages
        return job, self._uploads(batch, job, runtime_meta)

    def invoke(self, job: Any) -> None:
        """
        Sends all calls. Once it has returned, this process may end, and the calls still run.

        :param job: from `prepare`
        :raises SubmitError: the backend did not take them
        """
        self._prepare_monitoring(job.executor_id)
        self.invoker._run_job(job)

    def start_runners_by(self, fork_server: ForkServer) -> None:
        """
        Has runners on this machine forked by a process that has imported what their functions need. On other backends,
        and with a runtime that isn't this process's own interpreter, there is nothing to be forked.

        :param fork_server: that process
        """
        if self.mode == "localhost":
            self.handler.env.fork_server = fork_server

    def _renew(self) -> None:
        """Opens the backend anew if it keeps a connection to a message broker, which closes idle ones in a minute."""
        connection = getattr(getattr(self.handler, "backend", None), "connection", None)
        if connection is not None:
            with contextlib.suppress(Exception):  # if the broker is gone, opening the new connection will say so
                connection.close()
            self.handler = self._make_handler()
            self.invoker = self._make_invoker()

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
        :param job_id: the job id that Lithops's log shows
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
        """Makes Lithops's job, as `lithops.job.job._create_job` does, which would also pickle each item once more."""
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

    def _uploads(self, batch: CallBatch, job: SimpleNamespace, runtime_meta: Any) -> list[Callable[[], object]]:
        import pickle

        from lithops.job.job import _attach_data
        from lithops.job.serialize import SerializeIndependent, create_module_data

        serializer = SerializeIndependent(runtime_meta["preinstalls"])
        paths: set[str] = set()
        includes = included(self.config, batch.include_modules)
        if includes is not None:  # Lithops would ship these alone; here they are added to what the function needs
            paths |= module_paths(
                batch.modules, runtime_meta["preinstalls"], excluded(self.config, batch.exclude_modules)
            )
            paths |= serializer.module_paths([], sorted(includes), []) if includes else set()
        files = {**create_module_data(paths), **package_data(paths)}
        code = pickle.dumps({"func": batch.function, "module_data": files}, -1)
        job.func_key = f"{job_prefix(batch.executor_id, batch.job_id)}/{FUNCTION}"
        data = SimpleNamespace(data_strs=batch.calls)
        return [
            lambda: self.internal_storage.put_func(job.func_key, code),
            lambda: _attach_data(self.config, self.internal_storage, job, data, job.metadata, batch.executor_id),
        ]

    def _prepare_monitoring(self, executor_id: str) -> None:
        """
        Makes the message queue that Lithops's workers report to with a ``monitoring`` other than the storage. Without
        it, each call would lose seconds by trying to reach it. This package itself only follows jobs through storage.
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
