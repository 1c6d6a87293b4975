"""``airflow lithops jobs ...`` on a real Airflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow_version import needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack, StackError

pytestmark = needs_airflow("3.2", "commands of providers")


@pytest.fixture(scope="module")
def failed(run_dag: RunDag) -> DagRun:
    """A run of 60 items, nine of which fail, each of these twice."""
    return run_dag("page_fails", check=False)


def rows(airflow: AirflowStack, *arguments: str) -> Any:
    return json.loads(airflow.cli("lithops", "jobs", *arguments, "--output", "json"))


def job_of(run: DagRun, task_id: str) -> str:
    return str(run.xcom(task_id, key="lithops_job")["jobs"]["map"]["executor_id"])


def test_a_job_that_failed(airflow: AirflowStack, failed: DagRun) -> None:
    listed = rows(airflow, "list", "--dag-id", "page_fails")
    (row,) = (entry for entry in listed if entry["run_id"] == failed.run_id)
    assert row["job"] == job_of(failed, "fails")
    assert (row["task_state"], row["function"], row["items"], row["rounds"]) == ("failed", "fail_some", 60, 2)

    shown = rows(airflow, "show", row["job"][:8])
    assert shown["counts"] == {"waiting": 0, "running": 0, "succeeded": 51, "failed": 9}
    assert (shown["state"], shown["retried"]) == ("failed", 9)

    arguments = ("--state", "failed", "--descending", "--limit", "2")
    table = airflow.cli("lithops", "jobs", "items", row["job"], *arguments, "--output", "plain").splitlines()
    assert [line.split()[0] for line in table] == ["index", "59", "52"]
    assert "ValueError: 52 is bad <script>" in table[2]

    log = airflow.cli("lithops", "jobs", "logs", row["job"], "3")
    assert "Call 0/0" in log
    assert "Call 1/0" in log
    assert log.count("in fail_some") == 2
    assert log.count("seen 3 <script>") >= 2

    assert airflow.cli("lithops", "jobs", "clean", row["job"], "--yes").startswith("Deleted ")


def test_its_summary(failed: DagRun) -> None:
    found = failed.xcom("fails", key="lithops_summary")["map"]

    assert {name: found[name] for name in ("items", "succeeded", "failed", "retried")} == {
        **{"items": 60, "succeeded": 51, "failed": 9, "retried": 9}
    }
    assert found["compute_seconds"] > 0
    assert len(found["slowest"]) == 3


def test_a_job_is_cancelled(airflow: AirflowStack, tmp_path: Path) -> None:
    run = airflow.api.trigger("page_runs", {"gate": str(tmp_path / "gate")})
    run.wait_for_task("runs", "deferred")
    job = job_of(run, "runs")

    with pytest.raises(StackError, match="task runs is deferred and waits for job"):
        airflow.cli("lithops", "jobs", "clean", job, "--yes")
    assert "was told to stop" in airflow.cli("lithops", "jobs", "cancel", job, "--yes")

    run.wait(check=False)
    assert run.task("runs")["state"] == "failed"


@pytest.mark.thorough
def test_a_job_that_nobody_knows_is_said_in_a_line(airflow: AirflowStack) -> None:
    with pytest.raises(StackError, match="no task has published a job '0123456789abcdef-0'") as raised:
        airflow.cli("lithops", "jobs", "show", "0123456789abcdef-0")
    assert "Traceback" not in str(raised.value)
