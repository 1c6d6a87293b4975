"""
Reads from Airflow's database what it has about tasks' jobs: for each task instance a row of XCom and its own row,
however many items there are. `ui/` and `cli/` find tasks and their jobs by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Text, and_, cast, select, true

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.report.xcoms import FAILURES_KEY, JOB_KEY, SUMMARY_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy.orm import Session
    from sqlalchemy.sql import Select

#: How many summaries that name a job are read at most. Several tasks may have waited for it, and one summary is enough.
_MOST_SUMMARIES = 5
#: How many jobs a task may have. A reduce in a tree of two results at a time has one for each of some 26 levels.
_MOST_JOBS = 100
#: How many DAGs the user can choose from at most.
_MOST_DAGS = 1_000
#: States in which a task waits for its jobs.
_WAITED_FOR = ("running", "deferred")


@dataclass(frozen=True)
class TaskKey:
    """The key of a task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


@dataclass(frozen=True)
class TaskRecord:
    """
    A task instance and the jobs that it has published.

    :param key: its key
    :param state: its state
    :param try_number: number of its try
    :param started: when the try began, ISO 8601
    :param ended: when it ended
    :param operator: name of the operator
    :param jobs: the jobs in the XCom ``lithops_job`` by phase, see `lithops_provider.report.jobs`. Users may write
        XComs, so `lithops_provider.status.storage.open_job` checks that a job is the task's
    :param problem: why the XCom can't be read; None if it can
    """

    key: TaskKey
    state: str | None
    try_number: int
    started: str | None
    ended: str | None
    operator: str | None
    jobs: dict[str, LithopsJob]
    problem: str | None = None

    def check_cleanable(self, job: LithopsJob) -> None:
        """
        Checks that the data of one of the task's jobs may be deleted.

        :param job: the job
        :raises InvalidInputError: the task still waits for it
        """
        if self.state in _WAITED_FOR:
            raise InvalidInputError(f"task {self.key.task_id} is {self.state} and waits for job {job.executor_id}")


def find_task(session: Session, key: TaskKey) -> TaskRecord | None:
    """
    Returns a task instance, or None if there is no such.

    :param session: a session of Airflow's database
    :param key: its key
    """
    query = _query(outer=True).where(
        TaskInstance.dag_id == key.dag_id,
        TaskInstance.run_id == key.run_id,
        TaskInstance.task_id == key.task_id,
        TaskInstance.map_index == key.map_index,
    )
    return next(_records(session, query), None)


def recent_tasks(
    session: Session,
    dag_ids: Collection[str] | None,
    limit: int,
    offset: int,
    states: Collection[str] | None = None,
) -> list[TaskRecord]:
    """
    Returns the task instances that have published a job, the last first.

    :param session: a session of Airflow's database
    :param dag_ids: only task instances of these DAGs; None for all
    :param limit: how many at most
    :param offset: how many to leave out before these
    :param states: only task instances in one of these states; None for all
    """
    query = (
        _query(outer=False)
        .where(true() if dag_ids is None else XComModel.dag_id.in_(dag_ids))
        .where(true() if states is None else TaskInstance.state.in_(states))
        .order_by(XComModel.timestamp.desc(), XComModel.dag_run_id, XComModel.task_id, XComModel.map_index)
        .limit(limit)
        .offset(offset)
    )
    return list(_records(session, query))


def runs_of_task(session: Session, key: TaskKey, limit: int) -> list[TaskRecord]:
    """
    Returns the instances of a task in all runs that have published a job, the last first.

    :param session: a session of Airflow's database
    :param key: the key of one of them
    :param limit: how many at most
    """
    query = (
        _query(outer=False)
        .where(
            XComModel.dag_id == key.dag_id,
            XComModel.task_id == key.task_id,
            XComModel.map_index == key.map_index,
        )
        .order_by(XComModel.timestamp.desc(), XComModel.run_id)
        .limit(limit)
    )
    return list(_records(session, query))


def tasks_of_job(session: Session, named: str) -> list[TaskRecord]:
    """
    Returns the task instances whose XCom contains an executor id, or the beginning of one. It may contain the text
    elsewhere, so the caller has to compare the ids.

    :param session: a session of Airflow's database
    :param named: the text: hexadecimal digits and ``-``
    """
    query = _query(outer=False).where(cast(XComModel.value, Text).contains(named, autoescape=True))
    return list(_records(session, query))


def failures_shown(session: Session, key: TaskKey) -> dict[str, Any]:
    """
    Returns the XCom with the first failures, which has the arguments of those items; empty if there is none.

    :param session: a session of Airflow's database
    :param key: the key of the task instance
    """
    query = select(XComModel.value).where(
        XComModel.key == FAILURES_KEY,
        XComModel.dag_id == key.dag_id,
        XComModel.run_id == key.run_id,
        XComModel.task_id == key.task_id,
        XComModel.map_index == key.map_index,
    )
    value = _plain(session.scalar(query))
    return value if isinstance(value, dict) else {}


def summary_of(session: Session, key: TaskKey, job: LithopsJob) -> dict[str, Any] | None:
    """
    Returns the summary of a job. The task that sent the job has pushed it, or another task of the run that waited for
    the job.

    :param session: a session of Airflow's database
    :param key: the key of the task instance that has sent the job
    :param job: its value
    """
    query = (
        select(XComModel.value)
        .where(
            XComModel.key == SUMMARY_KEY,
            XComModel.dag_id == key.dag_id,
            XComModel.run_id == key.run_id,
            cast(XComModel.value, Text).contains(job.executor_id, autoescape=True),
        )
        .limit(_MOST_SUMMARIES)
    )
    for value in map(_plain, session.scalars(query)):
        for entry in value.values() if isinstance(value, dict) else ():
            if isinstance(entry, dict) and entry.get("job") == job.executor_id:
                return entry
    return None


def summaries_of(session: Session, records: Collection[TaskRecord]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """
    Returns the summaries of tasks' jobs, whichever task of the same run has pushed them.

    :param session: a session of Airflow's database
    :param records: the task instances
    :returns: by the DAG's id, the run's id and the executor id, so that XComs of other DAGs don't count
    """
    query = select(XComModel.dag_id, XComModel.run_id, XComModel.value).where(
        XComModel.key == SUMMARY_KEY,
        XComModel.dag_id.in_({record.key.dag_id for record in records}),
        XComModel.run_id.in_({record.key.run_id for record in records}),
    )
    found = {}
    for dag_id, run_id, stored in session.execute(query) if records else ():
        value = _plain(stored)
        for entry in value.values() if isinstance(value, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get("job"), str):
                found[dag_id, run_id, entry["job"]] = entry
    return found


def dags_with_jobs(session: Session, dag_ids: Collection[str]) -> list[str]:
    """
    Returns the ids of DAGs that have sent jobs, sorted.

    :param session: a session of Airflow's database
    :param dag_ids: the DAGs to look at
    """
    query = select(XComModel.dag_id).where(XComModel.key == JOB_KEY, XComModel.dag_id.in_(dag_ids)).distinct()
    return sorted(session.scalars(query.limit(_MOST_DAGS)))


def _query(*, outer: bool) -> Select[Any]:
    same = and_(
        XComModel.dag_id == TaskInstance.dag_id,
        XComModel.run_id == TaskInstance.run_id,
        XComModel.task_id == TaskInstance.task_id,
        XComModel.map_index == TaskInstance.map_index,
        XComModel.key == JOB_KEY,
    )
    # Only columns, since loading a whole task instance would unpickle its executor configuration.
    columns = (
        TaskInstance.dag_id,
        TaskInstance.run_id,
        TaskInstance.task_id,
        TaskInstance.map_index,
        TaskInstance.state,
        TaskInstance.try_number,
        TaskInstance.start_date,
        TaskInstance.end_date,
        TaskInstance.operator,
        XComModel.value,
    )
    return select(*columns).join(XComModel, same, isouter=outer)


def _records(session: Session, query: Select[Any]) -> Iterator[TaskRecord]:
    for row in session.execute(query):
        dag_id, run_id, task_id, map_index, state, try_number, started, ended, operator, value = row
        jobs: dict[str, LithopsJob] = {}
        problem: str | None = None
        try:
            jobs = _read(_plain(value))
        except InvalidInputError as error:
            problem = str(error)
        yield TaskRecord(
            key=TaskKey(dag_id, run_id, task_id, map_index),
            state=str(state) if state else None,
            try_number=try_number,
            started=started.isoformat() if started else None,
            ended=ended.isoformat() if ended else None,
            operator=operator,
            jobs=jobs,
            problem=problem,
        )


def _plain(value: Any) -> Any:
    """
    Returns the value of an XCom. Airflow's column is JSON, and holds the value's JSON as a text. Returns None for a
    value in an XCom backend of its own.
    """
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None


def _read(value: Any) -> dict[str, LithopsJob]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not isinstance(value.get("jobs"), dict):
        raise InvalidInputError(f"the XCom {JOB_KEY} isn't what a task publishes")
    if len(value["jobs"]) > _MOST_JOBS:  # each is looked at in storage
        raise InvalidInputError(f"the XCom {JOB_KEY} names {len(value['jobs'])} jobs, more than a task has")
    jobs = {}
    for phase, entry in value["jobs"].items():
        job = LithopsJob.from_dict(entry)
        job.check_sent()
        jobs[str(phase)] = job
    return jobs
