"""A database of Airflow's tables, with jobs of tasks."""

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
from sqlalchemy.pool import StaticPool

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.report.xcoms import JOB_KEY, SUMMARY_KEY

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


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
        self.push(same, JOB_KEY, changed.get("published", {"jobs": {"map": job.to_dict()}}))
        if summary is not None:
            self.push(same, SUMMARY_KEY, {"map": {"job": job.executor_id, **summary}})
        return job.executor_id

    def add_task(self, same: dict[str, Any], state: str) -> None:
        """Adds a task instance that has pushed nothing."""
        made = TaskInstance.id.type.python_type(str(uuid.uuid4()))  # UUID; before Airflow 3.3, str
        task = {**same, "id": made, "state": state, "try_number": 1, "pool": "p", "pool_slots": 1}
        self.session.execute(insert(_table(TaskInstance)).values(task))

    def push(self, same: dict[str, Any], key: str, value: Any) -> None:
        """Adds an XCom of a task instance."""
        at = START + timedelta(minutes=self.rows)
        row = {**same, "dag_run_id": self.rows, "key": key, "value": value, "timestamp": at}
        self.session.execute(insert(_table(XComModel)).values(row))


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


@pytest.fixture
def database() -> Iterator[Database]:
    import_all_models()  # the tables refer to others
    # One connection: each would have a database of its own. Servers answer in other threads.
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
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
