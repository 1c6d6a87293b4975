"""Deferrable tasks with short jobs: Airflow's scheduler fails a task that comes back before it has seen it leave."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.airflow.conftest import RunDag
from tests.airflow.dags.short_jobs import TASKS
from tests.airflow.ledgers import ledger_of


def test_many_short_deferrable_tasks_all_succeed(run_dag: RunDag, tmp_path: Path) -> None:
    run = run_dag("short_jobs", {"ledger": str(tmp_path / "ledger")}, timeout=500)
    assert Counter(task["state"] for task in run.tasks()) == {"success": TASKS}
    assert run.xcom("map", map_index=TASKS - 1) == [item * item for item in range(20)]
    expected = {f"{task}-{item}": 1 for task in range(TASKS) for item in range(20)}
    assert ledger_of(tmp_path / "ledger") == expected
