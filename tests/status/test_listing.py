"""The list of jobs, out of a database of Airflow's tables."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.report.xcoms import JOB_KEY, SUMMARY_KEY
from lithops_provider.status import listing
from lithops_provider.status.listing import ListedTask, Listing, list_runs, list_tasks
from lithops_provider.status.records import TaskKey, dags_with_jobs
from tests.status.database import Database

DAGS = {"etl", "images"}


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


def test_a_task_with_more_jobs_than_one_can_have_is_not_looked_at(jobs: Database) -> None:
    (value,) = list_tasks(jobs.session, DAGS, Listing(search="parse"))[0][0].record.jobs.values()
    same = {"dag_id": "etl", "run_id": "forged", "task_id": "many", "map_index": -1}
    jobs.rows += 1
    jobs.add_task(same, "success")
    jobs.push(same, JOB_KEY, {"jobs": {f"reduce-{number}": value.to_dict() for number in range(101)}})

    row = list_tasks(jobs.session, DAGS, Listing())[0][0]

    assert (row.record.key.task_id, row.record.jobs) == ("many", {})
    assert row.record.problem == "the XCom lithops_job names 101 jobs, more than a task has"


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
