"""
The executor, as Airflow's scheduler sees it: the scheduler's loop calls its methods, which must not wait. What takes
time is left to threads: sender.py, watcher.py and adoption.py.
"""

from __future__ import annotations

import copy
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.executors.base_executor import PARALLELISM, BaseExecutor
from airflow.executors.workloads import ExecuteTask
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors.adoption import Adopter, load_orphans
from lithops_provider.executors.reports import Report, Reports, Taken
from lithops_provider.executors.sender import Sender
from lithops_provider.executors.settings import SECTION, CallOptions, ExecutorSettings
from lithops_provider.executors.task_log import add_to_task_log
from lithops_provider.executors.watcher import Watcher
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs.adapter.environment import environment_of_tasks
from lithops_provider.jobs.adapter.fork_server import ForkServer
from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.executors.executor_utils import ExecutorName

    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs import LithopsClient

#: What all tasks import, which takes seconds. For tasks on this machine, one process imports it, and forks each task.
_PRELOADED = ("lithops_provider.executors.preloaded",)
#: Seconds that the end of the scheduler waits for each of its threads.
_TO_END = 30.0


@dataclass(frozen=True)
class _Parts:
    """What an executor has between `LithopsExecutor.start` and `LithopsExecutor.end`."""

    settings: ExecutorSettings
    watcher: Watcher
    adopter: Adopter
    fork_server: ForkServer


class LithopsExecutor(BaseExecutor):
    """
    Runs tasks as calls of Lithops, on any of its backends. Tasks that become ready within a moment are sent as one job,
    with a call for each.

    :param parallelism: how many tasks may be queued or running at a time
    """

    # Airflow 3.2 has callbacks, too, but runs them within its own executors alone.
    supports_callbacks = hasattr(BaseExecutor, "run_workload")
    supports_connection_test = True
    supports_multi_team = True
    serve_logs = True  # on localhost, tasks write their logs where the scheduler runs

    def __init__(self, parallelism: int = PARALLELISM, *args: Any, **kwargs: Any) -> None:
        super().__init__(parallelism, *args, **kwargs)
        self._name: ExecutorName | None = None
        self._reports: Reports = Reports()
        #: The workload that was sent last for each key. Reports about earlier ones are dropped.
        self._latest: dict[Any, Workload] = {}
        self._senders: dict[CallOptions, Sender] = {}
        #: Keeps events of tasks alive until the scheduler has stored them. It takes them out of Airflow's own list one
        #: by one, and with SQLAlchemy 2.1 each is gone before it is stored.
        self._events: deque[Any] = deque(maxlen=1_000)
        #: Whether Airflow is told the name of a task's call. It writes the name into the row of the task's try. SQLite
        #: can't lock that row; where the next try has replaced it meanwhile, the write fails and ends the scheduler.
        self._tells_calls = not conf.get("database", "sql_alchemy_conn", fallback="").startswith("sqlite")
        #: Writes what calls have left into logs of tasks, which may lie on a slow shared folder.
        self._task_logs = ThreadPoolExecutor(1, "lithops-executor-task-logs")
        self._parts: _Parts | None = None

    @property
    def name(self) -> ExecutorName | None:
        """
        What ``[core] executor`` calls this executor. If it has no alias there, the name of the class is its alias:
        Airflow 3.1 lets tasks ask for an executor by the name of its class, but then finds it by path or alias alone,
        and never runs them.
        """
        return self._name

    @name.setter
    def name(self, name: ExecutorName | None) -> None:
        if name is not None and name.alias is None:
            name = copy.copy(name)
            name.alias = type(self).__name__
        self._name = name

    def start(self) -> None:
        """
        Gets ready to send workloads.

        :raises ConfigurationError: an option of ``[lithops_executor]`` is wrong
        """
        own = getattr(self, "conf", conf)  # Airflow 3.1 has no configuration by team
        settings = ExecutorSettings.read(lambda name: own.get(SECTION, name, fallback=None))
        watcher = Watcher(self._reports, settings.poll_interval)
        load = partial(load_orphans, self._make_workload)
        # The records lie in the bucket of the section's own options: those of tasks without an executor_config.
        adopter = Adopter(lambda: _connect(settings.connection(settings.options)), load, watcher, self._reports)
        adopter.adopt(())
        self._parts = _Parts(settings, watcher, adopter, ForkServer(_PRELOADED, environment_of_tasks(os.environ)))

    def _process_workloads(self, workload_items: Sequence[Any]) -> None:
        """Hands workloads to their senders' threads, and returns at once. Airflow's base class calls it."""
        for given in workload_items:
            workload = Workload.of(given)
            for waiting in ("queued_tasks", "queued_callbacks", "queued_connection_tests"):
                getattr(self, waiting, {}).pop(workload.key, None)
            self.running.add(workload.key)
            self._latest[workload.key] = workload
            try:
                options = self._started().settings.options.with_executor_config(_executor_config(given))
            except InvalidInputError as error:
                self._reports.append(Report(workload, workload.failure, True, str(error)))
                continue
            self._sender(options).send(workload)

    def _started(self) -> _Parts:
        if self._parts is None:
            raise RuntimeError("the LithopsExecutor was not started; Airflow's scheduler calls start()")
        return self._parts

    def _sender(self, options: CallOptions) -> Sender:
        """Returns the sender of tasks with these options. Each has its own thread, so a slow one delays no other."""
        if options not in self._senders:
            parts = self._started()
            server = parts.settings.server or _execution_api_server_url(getattr(self, "conf", conf))
            self._senders[options] = Sender(
                parts.settings, options, _connect, parts.watcher.watch, self._reports, server, parts.fork_server
            )
        return self._senders[options]

    def sync(self) -> None:
        """Takes the reports that the threads have made since the last time. The scheduler's loop calls it."""
        for _ in range(len(self._reports)):
            report = self._reports.popleft()
            if isinstance(report, Report):
                self._take(report)
            elif isinstance(report, Taken):
                self._adopt(report.workload)
            else:
                self._queue_again(report.workload)

    def _take(self, report: Report) -> None:
        key = report.workload.key
        if self._latest.get(key) is not report.workload:
            return  # a deferred task has come back and was sent anew, before the end of its first call was seen
        if not report.over:
            if self._tells_calls:
                self.change_state(key, report.state, report.info, remove_running=False)
            return
        del self._latest[key]
        # Unless there is an info, the task's supervisor has told the Execution API how the task ended. Reporting a
        # success here as well would come late: a sensor that was rescheduled for a moment is queued again by then, and
        # the scheduler would fail it, since to it the executor says that a queued task is over.
        told = report.state == TaskInstanceState.SUCCESS and report.info is None
        known = told and isinstance(key, TaskInstanceKey)
        if report.state is None or known:
            self.running.discard(key)
            return
        if report.info is not None:
            self._explain(report)
        self.change_state(key, report.state, report.info)

    def _adopt(self, workload: Workload) -> None:
        """Takes over a task of another scheduler, unless it was queued here meanwhile."""
        if workload.key not in self._latest and workload.key not in self.queued_tasks:
            self.running.add(workload.key)
            self._latest[workload.key] = workload

    def _queue_again(self, workload: Workload) -> None:
        """Queues a task of another scheduler, no call of which has begun, unless it was queued here meanwhile."""
        if self._latest.get(workload.key) is workload:
            del self._latest[workload.key]
            self.running.discard(workload.key)
        if workload.key not in self._latest:
            self.queued_tasks.setdefault(workload.key, workload.given)

    def _explain(self, report: Report) -> None:
        """Writes why a call has failed to where people look for it: the scheduler's log, the task's log and events."""
        said = "\n".join(filter(None, (report.info, report.output)))
        self.log.error("The call of %s has failed: %s", report.workload.key, said)
        if report.workload.log_path is not None:
            self._task_logs.submit(add_to_task_log, report.workload.log_path, said)
        self.log_task_event(event="lithops executor", extra=said, ti_key=report.workload.key)
        self._events.extend(self._task_event_logs)

    def _make_workload(self, ti: Any) -> Any:
        """Returns Airflow's workload of a task instance, with a token of its own, as the scheduler makes it."""
        return ExecuteTask.make(ti, generator=self.jwt_generator)

    def try_adopt_task_instances(self, tis: Sequence[Any]) -> list[Any]:
        """
        Takes over the tasks of a scheduler that has died. A thread finds their calls; tasks that were never sent are
        queued again by this executor.

        :param tis: the task instances
        :returns: the task instances that Airflow has to reset: none
        """
        # Airflow may take this very scheduler for dead, and then offers it its own tasks.
        own = {workload.id for workload in self._latest.values()}
        if orphans := [ti.id for ti in tis if str(ti.id) not in own]:
            self._started().adopter.adopt(orphans)
        return []

    def revoke_task(self, *, ti: Any) -> None:
        """
        Forgets a task that has been queued for too long. If its call begins after all, and another call of the task has
        begun by then, Airflow's Execution API refuses the later one.

        :param ti: the task instance
        """
        self.queued_tasks.pop(ti.key, None)
        self.running.discard(ti.key)
        workload = self._latest.pop(ti.key, None)
        if workload is not None:
            self._started().watcher.forget(workload)

    def end(self) -> None:
        """Sends what is waiting, and stops the threads. Tasks go on; the next scheduler takes them over."""
        for sender in self._senders.values():
            sender.stop(_TO_END)
        self._senders.clear()
        if self._parts is not None:
            self._parts.adopter.stop(_TO_END)
            self._parts.watcher.stop(_TO_END)
            self._parts.fork_server.stop()
            self._parts = None
        self._task_logs.shutdown()

    def terminate(self) -> None:
        """Does what `end` does, which never takes long: each thread is waited for only so many seconds."""
        self.end()


def _executor_config(workload: Any) -> Any:
    """Returns what a task says about its executor; callbacks and tests of connections say nothing."""
    return getattr(getattr(workload, "ti", None), "executor_config", None)


def _execution_api_server_url(source: Any) -> str:
    """Returns the address of the Execution API that Airflow is configured with, as LocalExecutor finds it."""
    base = source.get("api", "base_url", fallback="/") or "/"
    if base.startswith("/"):
        base = f"http://localhost:8080{base}"
    return str(source.get("core", "execution_api_server_url", fallback=f"{base.rstrip('/')}/execution/"))


def _connect(settings: ConnectionSettings) -> LithopsClient:
    from lithops_provider.status.storage import connect

    return connect(settings, patience=60.0)
