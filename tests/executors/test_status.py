"""What is listed of the calls that run tasks."""

from __future__ import annotations

import contextlib
import uuid
from argparse import Namespace
from pathlib import Path

import pytest
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select

from lithops_provider.cli import commands
from lithops_provider.executors import status
from lithops_provider.executors.records import write_record
from lithops_provider.executors.status import calls_under_way
from lithops_provider.jobs import LithopsClient
from tests.executors.conftest import Threads
from tests.executors.workloads import workload
from tests.jobs.made import make_job
from tests.status.database import Database, database
from tools.waiting import wait_until

__all__ = ["database"]  # a fixture


def test_calls_are_listed_until_all_of_their_job_are_over(
    threads: Threads, client: LithopsClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_tasks", lambda ids: {})  # test_executor_killed.py asks a real database
    go = tmp_path / "go"
    over, held = workload("ok"), workload(f"wait {go}", "held")
    for one in (over, held):
        threads.sender.send(one)
    threads.wait_for_end(over)
    wait_until(lambda: {row["call_state"] for row in calls_under_way(client)} == {"over", "running"})
    rows = calls_under_way(client)
    assert [row["call"].rpartition("/")[2] for row in rows] == ["00000", "00001"]
    assert {(row["backend"], row["task_id"]) for row in rows} == {("localhost", None)}
    go.touch()
    threads.wait_for_end(held)
    wait_until(lambda: not calls_under_way(client))


def test_calls_are_shown_with_what_airflow_knows_of_their_tasks(
    database: Database, client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier try of a task isn't in the database any more, and the test of a connection has never been."""
    database.add("etl", "parse", "running")
    monkeypatch.setattr(status, "create_session", lambda: contextlib.nullcontext(database.session))
    job = make_job(3, items=3, bucket=client.bucket)
    known = database.session.scalar(select(TaskInstance.id))
    write_record(client, job, [str(known), str(uuid.uuid4()), "connection_test"])

    rows = calls_under_way(client)

    assert [(row["dag_id"], row["run_id"], row["task_id"], row["map_index"], row["task_state"]) for row in rows] == [
        ("etl", "run-1", "parse", -1, "running"),
        (None,) * 5,
        (None,) * 5,
    ]
    assert {row["call_state"] for row in rows} == {"waiting"}


def test_the_command_shows_them(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "connect", lambda settings: client)
    commands.executor_status_(Namespace(output="json", verbose=False))
    assert capsys.readouterr().out.strip() == "[]"
