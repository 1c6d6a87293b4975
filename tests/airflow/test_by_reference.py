"""Results that stay in storage and are the items, or arguments, of the next job."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow_version import AIRFLOW
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def database_bytes(airflow: AirflowStack, run: DagRun) -> int:
    """Sums up what the tasks of a run have stored: XComs, and what they remember of their jobs."""
    tables = ["xcom", "task_state_store"] if AIRFLOW >= (3, 3) else ["xcom"]
    total = 0
    with contextlib.closing(sqlite3.connect(airflow.home / "airflow.db")) as database:
        for table in tables:
            # The path of the runtime is as long as that of this project.
            short = "replace(CAST(value AS TEXT), ?, 'python')"
            query = f"SELECT sum(length(CAST({short} AS BLOB))) FROM {table} WHERE dag_id = ? AND run_id = ?"
            (found,) = database.execute(query, (sys.executable, run.dag_id, run.run_id)).fetchone()
            total += found or 0
    return total


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    return {dag_id: airflow.api.trigger(dag_id) for dag_id in ("by_reference_deferred", "by_reference")}


def test_a_chain_of_large_results_leaves_the_database_small(airflow: AirflowStack, started: dict[str, DagRun]) -> None:
    look_at_chain(airflow, started["by_reference_deferred"].wait())


@pytest.mark.thorough
def test_so_does_a_chain_of_tasks_that_wait(airflow: AirflowStack, run_dag: RunDag) -> None:
    look_at_chain(airflow, run_dag("by_reference_sync"))


def look_at_chain(airflow: AirflowStack, run: DagRun) -> None:
    assert run.xcom("reduced") == sum(2 * number for number in range(50))
    assert set(run.xcom("reduced", key="lithops_summary")) == {"map", "reduce"}
    assert database_bytes(airflow, run) < 4096


@pytest.fixture(scope="module")
def run(started: dict[str, DagRun]) -> DagRun:
    return started["by_reference"].wait(check=False)


@pytest.mark.parametrize(
    ("task_id", "result"),
    [
        ("left_out", ["0", "1", "2", "4"]),
        ("of_several", ["0", "1", "2", "4", "10", "20"]),
        ("call", 37),
        ("decorated", [30, 60]),
    ],
)
def test_results_come_by_reference(run: DagRun, task_id: str, result: object) -> None:
    assert run.xcom(task_id) == result


def test_failures_are_propagated_if_wanted(run: DagRun) -> None:
    assert run.task("propagated")["state"] == "failed"
    assert "1 of 5 item(s) of str failed" in run.log("propagated")
    assert "UpstreamItemFailedError: item 3 of job" in run.log("propagated")


@pytest.mark.thorough
def test_expand_over_a_job_says_what_to_do(run_dag: RunDag) -> None:
    run = run_dag("by_reference_expanded", check=False)
    assert run.task("expanded", 0)["state"] == "failed"
    assert ".expand can't go over the results of a job" in run.log("expanded", map_index=0)
