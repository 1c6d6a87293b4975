"""
Sends workloads as jobs, in a thread, so that the scheduler's loop never waits for a backend or a storage.
lithops_executor.py has a `Sender` for each set of options that tasks ask for.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lithops_provider.executors import workload as workload_module
from lithops_provider.executors.records import delete_record, write_record
from lithops_provider.executors.reports import Report, Reports
from lithops_provider.executors.settings import MOST_CALLS
from lithops_provider.executors.workload import Workload, run_workload

if TYPE_CHECKING:
    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.executors.settings import CallOptions, ExecutorSettings
    from lithops_provider.jobs import LithopsClient, LithopsJob
    from lithops_provider.jobs.adapter.fork_server import ForkServer
    from lithops_provider.jobs.submit.spec import JobSpec

logger = logging.getLogger(__name__)

#: Seconds without another workload after which the sender waits no longer, since the scheduler hands over at once what
#: is ready.
_PAUSE = 0.02

#: Takes a job that was sent, a client that nobody else uses, and the workloads by the numbers of their calls.
Watch = Callable[["LithopsJob", "LithopsClient", Mapping[int, Workload]], None]
#: Opens the backends of a configuration.
Connect = Callable[["ConnectionSettings"], "LithopsClient"]


class Sender:
    """
    Sends workloads whose calls run with the same options.

    :param settings: the executor's settings
    :param options: the options of the calls
    :param connect: opens the backends
    :param watch: is called with each job that was sent
    :param reports: gets a report for each workload that could not be sent
    :param server: address of the Execution API
    :param fork_server: starts runners on this machine; None if each runner is to import Airflow itself
    """

    def __init__(
        self,
        settings: ExecutorSettings,
        options: CallOptions,
        connect: Connect,
        watch: Watch,
        reports: Reports,
        server: str,
        fork_server: ForkServer | None = None,
    ) -> None:
        self.settings = settings
        self.options = options
        self.server = server
        self._connect = connect
        self._watch = watch
        self._reports = reports
        self._fork_server = fork_server
        self._client: LithopsClient | None = None
        #: A job without items, since the function of all jobs is the same.
        self._spec: JobSpec | None = None
        self._waiting: queue.SimpleQueue[Workload | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="lithops-executor-sender", daemon=True)
        self._thread.start()

    def send(self, workload: Workload) -> None:
        """Queues a workload for the thread, and returns at once."""
        self._waiting.put(workload)

    def stop(self, seconds: float) -> None:
        """
        Has the thread send what is waiting, and end.

        :param seconds: how long to wait for that at most
        """
        self._waiting.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            workloads, last = self._gather(first)
            try:
                self._send(workloads)
            except Exception as error:
                logger.exception("%d workload(s) could not be sent", len(workloads))
                reason = f"it could not be sent with Lithops: {type(error).__name__}: {error}"
                self._reports.extend(Report(one, one.failure, True, reason) for one in workloads)
            if last:
                return

    def _gather(self, first: Workload) -> tuple[list[Workload], bool]:
        """Returns the workloads that arrive without a pause, and whether `stop` was called meanwhile."""
        workloads = [first]
        end = time.monotonic() + self.settings.gather_seconds
        while len(workloads) < MOST_CALLS:
            try:
                found = self._waiting.get(timeout=min(_PAUSE, max(0.0, end - time.monotonic())))
            except queue.Empty:
                break
            if found is None:
                return workloads, True
            workloads.append(found)
        return workloads, False

    def _send(self, workloads: list[Workload]) -> None:
        from lithops_provider.jobs import LithopsClient, Options, bind_items, clean_job, make_spec
        from lithops_provider.jobs.submit.items import dump_items
        from lithops_provider.jobs.submit.payload import by_value
        from lithops_provider.jobs.submit.send import new_job, submit_round

        client = self._open()
        # A call that dies without a sign counts as lost once its time is over. So it gets no more time than the backend
        # lets it run.
        timeout = min(self.options.timeout, client.compute.call_limit(int(self.options.timeout) + 1, "A000", None))
        options = Options(
            batch_size=1,
            timeout=timeout,
            extra_env=dict(self.options.environment),
            include_modules=None,
        )
        binding, items = bind_items(run_workload, [one.data for one in workloads], {"server": self.server})
        if self._spec is None:
            with by_value([workload_module]):
                self._spec = make_spec("map", binding, (), options)
        spec = replace(self._spec, items=dump_items(binding, items), options=options)
        job = new_job(client, spec)
        ids = [one.id for one in workloads]
        recorded: list[LithopsJob] = []

        def record(planned: LithopsJob) -> None:
            write_record(client, planned, ids)
            recorded.append(planned)

        try:
            job, _ = submit_round(client, job, spec, record=record)
        except BaseException:
            for sent in recorded:
                clean_job(client, sent)
                delete_record(client, sent)
            raise
        # patience=0: the watcher looks at a job again later when a request fails. If the client repeated the request,
        # all of the watcher's other jobs would wait for that.
        self._watch(job, LithopsClient(client.config, patience=0.0), dict(enumerate(workloads)))

    def _open(self) -> LithopsClient:
        """Returns the client, a new one if the connection has changed since the last time."""
        fresh = self._connect(self.settings.connection(self.options))
        if self._client is None or self._client.config != fresh.config:
            self._client = fresh
            if self._fork_server is not None:
                fresh.compute.start_runners_by(self._fork_server)
        return self._client
