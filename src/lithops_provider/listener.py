"""
Stops the job of a deferred task that a user ends in Airflow's web interface or REST API, and publishes the job's
summary. Airflow's API server calls the functions with ``@hookimpl`` when the state of a task or of a run changes.

The trigger's `on_kill` stops the job, too. But Airflow calls `on_kill` only from 3.3 on, and only in a triggerer that
runs the trigger: not in the second or two before a triggerer takes it, and not while no triggerer runs.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy.orm import Session

_TRIGGER = "lithops_provider.triggers.LithopsJobTrigger"

_log = logging.getLogger(__name__)
_pool = ThreadPoolExecutor(2, thread_name_prefix="lithops-stop")


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: TaskInstance) -> None:
    """Called when somebody marks a task as successful, and in each task that has succeeded."""
    _ended(previous_state, task_instance)


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: TaskInstance) -> None:
    """Called when somebody marks a task as failed, and in each task that has failed."""
    _ended(previous_state, task_instance)


@hookimpl
def on_task_instance_skipped(previous_state: Any, task_instance: TaskInstance) -> None:
    """Called when somebody marks a task as skipped, and in each task that has skipped itself."""
    _ended(previous_state, task_instance)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Called when somebody marks a run as successful, and when one has succeeded."""
    _run_ended(dag_run, msg)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Called when somebody marks a run as failed, and when one has failed."""
    _run_ended(dag_run, msg)


def _ended(previous_state: Any, task_instance: TaskInstance) -> None:
    # Only the API server passes no previous state; its task instance is a row of the database, with a trigger's id.
    if previous_state is None and getattr(task_instance, "trigger_id", None) is not None:
        _stop_after_commit(task_instance)


def _run_ended(dag_run: DagRun, msg: str) -> None:
    """
    Stops the jobs of a run's deferred tasks. Before Airflow 3.3, the API server calls the listener for the run that a
    user ends, with an empty message, and not for its tasks.
    """
    if msg:
        return
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    deferred_before = select(TaskInstance).where(
        TaskInstance.dag_id == dag_run.dag_id,
        TaskInstance.run_id == dag_run.run_id,
        TaskInstance.trigger_id.is_not(None),
        TaskInstance.state != TaskInstanceState.DEFERRED,  # a teardown goes on
    )
    for task_instance in _session(dag_run).scalars(deferred_before):
        _stop_after_commit(task_instance)


@dataclass(frozen=True)
class _EndedTask:
    """The task instance that `sum_up` gets: it has the key of one, and pushes XComs from the API server."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    def xcom_push(self, key: str, value: Any) -> None:
        """
        Stores an XCom as Airflow's API server stores those that tasks send to it. `XComModel.set` would serialize the
        value once more before Airflow 3.2.
        """
        from airflow.models.dagrun import DagRun
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        query = select(DagRun.id).where(DagRun.dag_id == self.dag_id, DagRun.run_id == self.run_id)
        with create_session() as session:
            session.merge(XComModel(dag_run_id=session.scalar(query), key=key, value=value, **asdict(self)))


def _stop_after_commit(task_instance: TaskInstance) -> None:
    """Has a thread stop the task's job once the end of the task is committed, so the user's request doesn't wait."""
    from sqlalchemy import event

    trigger = task_instance.trigger
    # A job without an owner is another task's, which a sensor waits for.
    if trigger is None or trigger.classpath != _TRIGGER or trigger.kwargs.get("owner") is None:
        return
    kwargs = trigger.kwargs
    task = _EndedTask(task_instance.dag_id, task_instance.run_id, task_instance.task_id, task_instance.map_index)
    event.listen(_session(task_instance), "after_commit", lambda _: _pool.submit(_stop, task, kwargs), once=True)


def _session(row: Any) -> Session:
    from sqlalchemy.orm import object_session

    session = object_session(row)
    if session is None:
        raise RuntimeError(f"{row} has no database session")
    return session


def _stop(task: _EndedTask, kwargs: dict[str, Any]) -> None:
    """
    Stops the job that a trigger waits for, and publishes its summary.

    :param task: the task whose trigger it is
    :param kwargs: the trigger's arguments
    """
    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs.cancel import cancel_job
    from lithops_provider.jobs.errors import JobCancelledError
    from lithops_provider.jobs.gather.tally import read_tally
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.report.summary import sum_up
    from lithops_provider.status.storage import connect
    from lithops_provider.task.handover import Handover

    job = LithopsJob.from_dict(kwargs["job"])
    stopped = False
    try:
        # A trigger's arguments are written by its task alone: no user can reach them.
        settings = ConnectionSettings(
            kwargs["lithops_conn_id"], kwargs.get("lithops_config"), kwargs.get("arguments") or {}
        )
        client = connect(settings)
        client.check_holds(job)
        stopped = cancel_job(client, job, kwargs["owner"])
        if stopped:
            ended = JobCancelledError(f"job {job.executor_id} is cancelled: its task was ended")
            state = kwargs.get("state") or {}
            earlier = Handover.from_dict(state.get("carried") or {}).summaries
            sum_up(task, state.get("phase", job.kind), client, job, read_tally(client, job), earlier, error=ended)
    except Exception:
        what = "summed up" if stopped else "stopped, though its task was ended"
        _log.exception("Job %s could not be %s", job.executor_id, what)
        return
    _log.info("Job %s %s", job.executor_id, "was stopped" if stopped else "goes on: another try waits for it")
