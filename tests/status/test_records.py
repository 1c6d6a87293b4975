"""What Airflow's database says of tasks' jobs."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.report.xcoms import SUMMARY_KEY
from lithops_provider.status.records import (
    TaskKey,
    failures_shown,
    find_task,
    recent_tasks,
    runs_of_task,
    summaries_of,
    summary_of,
    tasks_of_job,
)
from tests.status.database import Database

PARSE = TaskKey("etl", "run-1", "parse", -1)


def names(records: Any) -> list[str]:
    return [record.key.task_id for record in records]


def test_a_task_is_found_with_its_jobs(jobs: Database) -> None:
    record = find_task(jobs.session, PARSE)

    assert record is not None
    assert (record.state, list(record.jobs), record.problem) == ("failed", ["map"], None)
    assert find_task(jobs.session, TaskKey("etl", "run-1", "parse", 0)) is None


def test_the_last_come_first(jobs: Database) -> None:
    assert names(recent_tasks(jobs.session, None, 3, 1)) == ["shrink", "load", "parse"]
    assert names(recent_tasks(jobs.session, {"etl"}, 9, 0)) == ["load", "parse"]
    assert names(recent_tasks(jobs.session, None, 9, 0, {"running"})) == ["shrink"]
    assert [record.key.run_id for record in runs_of_task(jobs.session, PARSE, 9)] == ["run-1"]


def test_a_job_is_found_by_the_beginning_of_its_id(jobs: Database) -> None:
    assert names(tasks_of_job(jobs.session, f"{2:016x}")) == ["load"]
    assert names(tasks_of_job(jobs.session, "%")) == []


def test_summaries_are_those_of_the_job(jobs: Database) -> None:
    record = find_task(jobs.session, PARSE)
    assert record is not None
    job = record.jobs["map"]

    assert (summary_of(jobs.session, PARSE, job) or {})["failed"] == 7
    assert summary_of(jobs.session, TaskKey("etl", "run-2", "load", -1), job) is None
    assert summaries_of(jobs.session, [record])["etl", "run-1", job.executor_id]["wall_seconds"] == 9.0
    assert failures_shown(jobs.session, PARSE) == {}


@pytest.mark.parametrize("odd", ["a text", None, {}, {"job": 5}, {"job": ["a list"]}, {"job": "another"}])
def test_what_is_no_summary_of_the_job_is_passed_over(database: Database, odd: Any) -> None:
    executor_id = database.add("etl", "parse", "failed")
    same = {"dag_id": "etl", "run_id": "run-1", "task_id": "parse", "map_index": -1}
    database.push({**same, "task_id": "another"}, SUMMARY_KEY, ["no summary of", executor_id])
    database.push(same, SUMMARY_KEY, {"odd": odd, "map": {"job": executor_id, "failed": 7}})
    record = find_task(database.session, PARSE)
    assert record is not None

    assert (summary_of(database.session, PARSE, record.jobs["map"]) or {})["failed"] == 7
    found = summaries_of(database.session, [record])
    assert found["etl", "run-1", executor_id]["failed"] == 7
    assert {name for _, _, name in found} <= {executor_id, "another"}


@pytest.mark.parametrize("value", [["a list"], {"jobs": 5}, {"jobs": {"map": {"executor_id": "../x"}}}, "no json"])
def test_what_somebody_has_written_into_the_xcom_is_a_problem_and_no_job(database: Database, value: Any) -> None:
    database.add("etl", "parse", "running", published=value)
    record = find_task(database.session, PARSE)

    assert record is not None
    assert record.jobs == {}
    assert record.problem is not None or value == "no json"


def test_data_of_a_job_that_is_waited_for_stays(jobs: Database) -> None:
    (running,) = recent_tasks(jobs.session, {"images"}, 9, 0)

    with pytest.raises(InvalidInputError, match="task shrink is running and waits for job"):
        running.check_cleanable(running.jobs["map"])
