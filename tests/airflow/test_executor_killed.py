"""Tasks of the LithopsExecutor live without the scheduler that has sent them."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.airflow.ledgers import ledger_of, let_go, wait_for_lines
from tests.airflow_version import AIRFLOW
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

pytestmark = pytest.mark.thorough


def test_tasks_outlive_their_scheduler_and_run_once(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("executed_held", {"ledger": str(ledger)})
    wait_for_lines(ledger, 3)
    airflow.restart("scheduler", signal.SIGKILL)
    if AIRFLOW >= (3, 2):  # which has commands of providers
        calls = json.loads(airflow.cli("lithops", "executor", "status", "--output", "json"))
        listed = {(call["task_id"], call["map_index"], call["task_state"], call["call_state"]) for call in calls}
        assert listed == {("hold", number, "running", "running") for number in range(3)}
    let_go(ledger)
    run = run.wait()
    assert [task["try_number"] for task in run.tasks()] == [1, 1, 1]
    assert ledger_of(ledger) == {"1": 1, "2": 1, "3": 1}


@pytest.mark.parametrize("moment", range(20))
def test_tasks_run_once_whenever_their_scheduler_is_killed(airflow: AirflowStack, tmp_path: Path, moment: int) -> None:
    """While it queues them, sends them, while they begin, run and end. No try of theirs is used up."""
    ledger = tmp_path / "ledger"
    let_go(ledger)
    run = airflow.api.trigger("executed_held", {"ledger": str(ledger)})
    wait_until(run.tasks)
    time.sleep(moment * 0.25)  # seconds until the last of them is over, on a machine that has nothing else to do: 4
    airflow.restart("scheduler", signal.SIGKILL)
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
