"""Deferrable tasks with short jobs: Airflow's scheduler fails a task that comes back before it has seen it leave."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.airflow.dags.short_jobs import TASKS
from tests.airflow.ledgers import ledger_of
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def start_runs(airflow: AirflowStack, folder: Path) -> tuple[DagRun, Path]:
    return airflow.api.trigger("short_jobs", {"ledger": str(folder / "ledger")}), folder / "ledger"


def test_many_short_deferrable_tasks_all_succeed(started: tuple[DagRun, Path]) -> None:
    run, ledger = started
    run.wait()
    assert Counter(task["state"] for task in run.tasks()) == {"success": TASKS}
    assert run.xcom("map", map_index=TASKS - 1) == [item * item for item in range(20)]
    expected = {f"{task}-{item}": 1 for task in range(TASKS) for item in range(20)}
    assert ledger_of(ledger) == expected
