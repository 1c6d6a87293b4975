"""``airflow lithops jobs ...`` on a real Airflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.airflow.command_line import say
from tests.airflow.conftest import GATE
from tests.airflow_version import needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack, StackError

pytestmark = needs_airflow("3.2", "commands of providers")


class Started(NamedTuple):
    fails: DagRun
    runs: DagRun


def start_runs(airflow: AirflowStack, folder: Path) -> Started:
    waiting = folder / "waiting"
    waiting.mkdir()
    return Started(airflow.api.trigger("page_fails"), airflow.api.trigger("page_runs", {"gate": str(waiting / GATE)}))


@pytest.fixture(scope="module")
def failed(started: Started) -> DagRun:
    """A run of 60 items, nine of which fail, each of these twice."""
    return started.fails.wait(check=False)


def job_of(run: DagRun, task_id: str) -> str:
    return str(run.xcom(task_id, key="lithops_job")["jobs"]["map"]["executor_id"])


def test_a_job_that_failed(airflow: AirflowStack, failed: DagRun) -> None:
    job, jobs, as_json = job_of(failed, "fails"), ("lithops", "jobs"), ("--output", "json")
    some = ("--state", "failed", "--descending", "--limit", "2", "--output", "plain")
    listed, shown, table, log, cleaned = say(
        airflow,
        (*jobs, "list", "--dag-id", "page_fails", *as_json),
        (*jobs, "show", job[:8], *as_json),
        (*jobs, "items", job, *some),
        (*jobs, "logs", job, "3"),
        (*jobs, "clean", job, "--yes"),
    )

    (row,) = (entry for entry in json.loads(listed) if entry["run_id"] == failed.run_id)
    assert row["job"] == job
    assert (row["task_state"], row["function"], row["items"], row["rounds"]) == ("failed", "fail_some", 60, 2)

    found = json.loads(shown)
    assert found["counts"] == {"waiting": 0, "running": 0, "succeeded": 51, "failed": 9}
    assert (found["state"], found["retried"]) == ("failed", 9)

    assert [line.split()[0] for line in table.splitlines()] == ["index", "59", "52"]
    assert "ValueError: 52 is bad <script>" in table.splitlines()[2]

    assert "Call 0/0" in log
    assert "Call 1/0" in log
    assert log.count("in fail_some") == 2
    assert log.count("seen 3 <script>") >= 2

    assert cleaned.startswith("Deleted ")


def test_its_summary(failed: DagRun) -> None:
    found = failed.xcom("fails", key="lithops_summary")["map"]

    assert {name: found[name] for name in ("items", "succeeded", "failed", "retried")} == {
        **{"items": 60, "succeeded": 51, "failed": 9, "retried": 9}
    }
    assert found["compute_seconds"] > 0
    assert len(found["slowest"]) == 3


def test_a_job_is_cancelled(airflow: AirflowStack, started: Started) -> None:
    run = started.runs
    run.wait_for_task("runs", "deferred")
    job = job_of(run, "runs")

    refused, told = say(airflow, *(("lithops", "jobs", what, job, "--yes") for what in ("clean", "cancel")))

    assert "task runs is deferred and waits for job" in refused
    assert "was told to stop" in told

    run.wait(check=False)
    assert run.task("runs")["state"] == "failed"


@pytest.mark.thorough
def test_a_job_that_nobody_knows_is_said_in_a_line(airflow: AirflowStack) -> None:
    with pytest.raises(StackError, match="no task has published a job '0123456789abcdef-0'") as raised:
        airflow.cli("lithops", "jobs", "show", "0123456789abcdef-0")
    assert "Traceback" not in str(raised.value)
