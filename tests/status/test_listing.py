"""The list of jobs, out of a database of Airflow's tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.models import import_all_models
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Table, create_engine, insert
from sqlalchemy.orm import Session

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.report.xcoms import JOB_KEY, SUMMARY_KEY
from lithops_provider.status import listing
from lithops_provider.status.listing import ListedTask, Listing, list_runs, list_tasks
from lithops_provider.status.records import TaskKey, dags_with_jobs

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAGS = {"etl", "images"}


class Database:
    """
    Airflow's tables of task instances and XComs.

    :param session: of the database
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rows = 0

    def add(self, dag_id: str, task_id: str, state: str, summary: dict[str, Any] | None = None, **changed: Any) -> str:
        """Adds a task that has sent a job a minute after the last; returns the job's executor id."""
        self.rows += 1
        job = LithopsJob(
            executor_id=f"{self.rows:016x}-0", kind="map", function=changed.get("function", "f"),
            items=changed.get("items", 10), backend="localhost", storage="localhost", bucket="b", runtime="r",
            timeout=10.0, host="h", created=1000.0 + 60 * self.rows,
        ).with_round(10, 1)  # fmt: skip
        same = {"dag_id": dag_id, "run_id": f"run-{self.rows}", "task_id": task_id, "map_index": -1}
        self.add_task(same, state)
        self.push(same, JOB_KEY, {"jobs": {"map": job.to_dict()}})
        if summary is not None:
            self.push(same, SUMMARY_KEY, {"map": {"job": job.executor_id, **summary}})
        return job.executor_id

    def add_task(self, same: dict[str, Any], state: str) -> None:
        task = {**same, "id": uuid.uuid4(), "state": state, "try_number": 1, "pool": "p", "pool_slots": 1}
        self.session.execute(insert(_table(TaskInstance)).values(task))

    def push(self, same: dict[str, Any], key: str, value: Any) -> None:
        at = START + timedelta(minutes=self.rows)
        row = {**same, "dag_run_id": self.rows, "key": key, "value": value, "timestamp": at}
        self.session.execute(insert(_table(XComModel)).values(row))


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


@pytest.fixture
def database() -> Iterator[Database]:
    import_all_models()  # the tables refer to others
    engine = create_engine("sqlite://")
    TaskInstance.metadata.create_all(engine, tables=[_table(TaskInstance), _table(XComModel)])
    with Session(engine) as session:
        yield Database(session)
    engine.dispose()


@pytest.fixture
def jobs(database: Database) -> Database:
    cost = {"estimate": 0.5, "currency": "USD", "region": "here"}
    database.add("etl", "parse", "failed", {"failed": 7, "succeeded": 3, "wall_seconds": 9.0})
    database.add("etl", "load", "success", {"failed": 0, "succeeded": 10, "wall_seconds": 30.0, "cost": cost})
    database.add("images", "shrink", "running", function="thumbnail", items=500)
    database.add("secret", "parse", "success", {"failed": 9})
    return database


def shown(database: Database, **wanted: Any) -> list[str]:
    rows, _ = list_tasks(database.session, DAGS, Listing(**wanted))
    return [row.record.key.task_id for row in rows]


def test_the_last_come_first_and_only_those_of_dags_that_may_be_read(jobs: Database) -> None:
    assert shown(jobs) == ["shrink", "load", "parse"]
    assert shown(jobs, dag="secret") == []
    assert dags_with_jobs(jobs.session, DAGS) == ["etl", "images"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"dag": "etl"}, ["load", "parse"]),
        ({"state": "running"}, ["shrink"]),
        ({"state": "failed"}, ["parse"]),
        ({"search": "THUMB"}, ["shrink"]),
        ({"search": "etl", "state": "success"}, ["load"]),
        ({"search": "run-1"}, ["parse"]),
        ({"search": f"{3:016x}"}, ["shrink"]),
        ({"search": "%"}, []),
        ({"search": "kind"}, []),  # a word of the value, but of nothing that is shown
        ({"sort": "sent", "descending": False}, ["parse", "load", "shrink"]),
        ({"sort": "task", "descending": False}, ["load", "parse", "shrink"]),
        ({"sort": "items"}, ["shrink", "load", "parse"]),
        ({"sort": "failed"}, ["parse", "load", "shrink"]),
        ({"sort": "failed", "descending": False}, ["load", "parse", "shrink"]),
        ({"sort": "seconds"}, ["load", "parse", "shrink"]),
        ({"sort": "cost", "descending": False}, ["load", "shrink", "parse"]),
    ],
    ids=str,
)
def test_filters_and_orders(jobs: Database, wanted: dict[str, Any], expected: list[str]) -> None:
    assert shown(jobs, **wanted) == expected


@pytest.mark.parametrize("sort", ["sent", "items"])
def test_pages(jobs: Database, sort: str) -> None:
    pages = [list_tasks(jobs.session, DAGS, Listing(sort=sort, limit=2, offset=first)) for first in (0, 2)]

    assert [len(rows) for rows, _ in pages] == [2, 1]
    assert [more for _, more in pages] == [True, False]
    found = [row.record.key.task_id for rows, _ in pages for row in rows]
    assert sorted(found) == ["load", "parse", "shrink"]


def test_a_row_has_what_the_job_came_to(jobs: Database) -> None:
    rows, _ = list_tasks(jobs.session, DAGS, Listing(dag="etl"))
    load, parse = (row.to_dict() for row in rows)

    assert load["summaries"]["map"]["cost"]["estimate"] == 0.5
    assert (parse["summaries"]["map"]["failed"], parse["task"]["state"]) == (7, "failed")


def test_the_runs_of_a_task(jobs: Database) -> None:
    jobs.add("etl", "parse", "success", {"failed": 0})

    rows = list_runs(jobs.session, TaskKey("etl", "whichever", "parse", -1))

    assert [(row.record.key.run_id, row.summaries["map"]["failed"]) for row in rows] == [("run-5", 0), ("run-1", 7)]


def test_what_somebody_has_made_up_is_no_summary(database: Database) -> None:
    database.add("etl", "a", "success", {"failed": "<b>", "wall_seconds": float("inf"), "cost": 3, "items": 10**400})
    database.add("etl", "b", "success", {"failed": 1})

    rows: list[ListedTask] = list_tasks(database.session, DAGS, Listing(sort="failed"))[0]

    assert [row.record.key.task_id for row in rows] == ["b", "a"]
    assert rows[1].summaries == {"map": {"slowest": []}}


def test_the_xcoms_of_another_dag_say_nothing_of_a_job(jobs: Database) -> None:
    """Whoever may write those of one DAG could have the list show anything of a job that many people look at."""
    job = list_tasks(jobs.session, DAGS, Listing(search="parse"))[0][0]
    (value,) = job.record.jobs.values()
    same = {"dag_id": "images", "run_id": job.record.key.run_id, "task_id": "forger", "map_index": -1}
    jobs.rows += 1
    jobs.push(same, SUMMARY_KEY, {"map": {"job": value.executor_id, "failed": 0}})
    jobs.add_task(same, "success")
    jobs.push(same, JOB_KEY, {"jobs": {"map": value.to_dict()}})

    found = {
        row.record.key.task_id: row.summaries["map"]
        for row in list_tasks(jobs.session, DAGS, Listing())[0][::-1]
        if row.summaries
    }

    assert (found["parse"]["failed"], found["forger"]["failed"]) == (7, 0)


def test_only_the_last_are_looked_at_to_be_sorted(jobs: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LOOKED_AT", 2)

    assert shown(jobs, sort="seconds") == ["load", "shrink"]
