"""Tasks of the LithopsExecutor live without the scheduler that has sent them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.airflow.ledgers import ledger_of, let_go, wait_for_lines
from tools.airflow_stack import AirflowStack

pytestmark = pytest.mark.thorough


def test_tasks_outlive_their_scheduler_and_run_once(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("executed_held", {"ledger": str(ledger)})
    wait_for_lines(ledger, 3)
    airflow.restart("scheduler", signal.SIGKILL)
    let_go(ledger)
    run = run.wait()
    assert [task["try_number"] for task in run.tasks()] == [1, 1, 1]
    assert ledger_of(ledger) == {"1": 1, "2": 1, "3": 1}


def test_a_task_that_is_marked_failed_ends(airflow: AirflowStack, tmp_path: Path) -> None:
    """Its supervisor hears of it from the Execution API, as with any executor."""
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("executed_held", {"ledger": str(ledger)})
    wait_for_lines(ledger, 3)
    run.mark("hold", "failed", map_index=0)
    run.wait_for_task("hold", "failed", map_index=0)
    let_go(ledger)
    assert run.wait(check=False).state == "failed"
    assert sorted(task["state"] for task in run.tasks()) == ["failed", "success", "success"]
