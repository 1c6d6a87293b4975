"""Deferrable tasks with short jobs: Airflow's scheduler fails a task that comes back before it has seen it leave."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.airflow.dags.short_jobs import TASKS
from tests.airflow.ledgers import ledger_of
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def started_run(airflow: AirflowStack, dag_id: str, ledger: Path) -> DagRun:
    return airflow.api.trigger(dag_id, {"ledger": str(ledger)})


def start_runs(airflow: AirflowStack, folder: Path) -> tuple[DagRun, Path]:
    return started_run(airflow, "short_jobs", folder / "ledger"), folder / "ledger"


def all_succeed_at_once(run: DagRun, ledger: Path, tasks: int) -> None:
    run.wait()
    assert Counter(task["state"] for task in run.tasks()) == {"success": tasks}
    assert run.xcom("map", map_index=tasks - 1) == [item * item for item in range(20)]
    assert ledger_of(ledger) == {f"{task}-{item}": 1 for task in range(tasks) for item in range(20)}


def test_short_deferrable_tasks_succeed(started: tuple[DagRun, Path]) -> None:
    all_succeed_at_once(*started, TASKS["short_jobs"])


@pytest.mark.thorough
def test_many_short_deferrable_tasks_succeed(airflow: AirflowStack, tmp_path: Path) -> None:
    """So many that they used to fail by the dozen."""
    ledger = tmp_path / "ledger"
    all_succeed_at_once(started_run(airflow, "short_jobs_many", ledger), ledger, TASKS["short_jobs_many"])
