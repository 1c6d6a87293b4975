"""Whoever ends a task ends its job; whoever restarts a part of Airflow doesn't."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.airflow.ledgers import (
    LONG,
    assert_stopped,
    job_processes,
    ledger_of,
    start,
    wait_for_lines,
    wait_for_log,
    wait_until_no_job_process,
)
from tests.airflow_version import STATE_STORE, needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

#: Seconds that Airflow takes at most to tell of a task's end: two heartbeats of a busy machine.
_TELLING = 6
#: How a job is waited for.
HOW = pytest.mark.parametrize("how", ["sync", "deferred"])


def assert_summed_up(run: DagRun, task_id: str, phase: str) -> None:
    """The task has told what its job came to, though it was stopped."""
    found = run.xcom(task_id, key="lithops_summary")[phase]
    assert found["stopped"]
    assert found["unfinished"] == found["items"] - found["succeeded"] - found["failed"] > 0
    assert found["compute_seconds"] >= 0


@HOW
def test_marking_failed_stops_the_job(airflow: AirflowStack, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = start(airflow, f"ledger_{how}", ledger)
    run.mark("map", "failed")
    assert_stopped(ledger, told=_TELLING)
    assert run.wait(60, check=False).state == "failed"
    if how == "sync":
        assert_summed_up(run, "map", "map")


@STATE_STORE
@HOW
def test_clearing_a_running_task_does_not_run_items_twice(airflow: AirflowStack, tmp_path: Path, how: str) -> None:
    """The next try takes the job over, or sends what is left of it; the last try must not stop it then."""
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger(f"ledger_{how}", {"ledger": str(ledger), "items": 60, "seconds": 0.2})
    run.wait_for_task("map", "deferred" if how == "deferred" else "running")
    wait_for_lines(ledger, 5)
    run.clear("map")
    run = run.wait(180)
    assert run.xcom("map") == [item * item for item in range(60)]
    again = {item: times for item, times in ledger_of(ledger).items() if times > 1}
    assert len(again) <= 2, f"only items that ran when the task was cleared may run again: {again}"
    assert set(ledger_of(ledger)) == {str(item) for item in range(60)}


def test_a_deferred_job_outlives_its_triggerer(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_deferred", {"ledger": str(ledger), "items": 60, "seconds": 0.2})
    run.wait_for_task("map", "deferred")
    wait_for_lines(ledger, 5)
    airflow.kill("triggerer")
    assert job_processes()
    airflow.start_component("triggerer")
    run = run.wait(180)
    assert run.xcom("map") == [item * item for item in range(60)]
    assert all(times == 1 for times in ledger_of(ledger).values())
    assert run.task("map")["try_number"] == 1


def test_restarting_the_triggerer_stops_nothing(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_deferred", {"ledger": str(ledger), "items": 60, "seconds": 0.2})
    run.wait_for_task("map", "deferred")
    wait_for_lines(ledger, 5)
    airflow.restart("triggerer")
    run = run.wait(180)
    assert run.xcom("map") == [item * item for item in range(60)]
    assert all(times == 1 for times in ledger_of(ledger).values())


@HOW
def test_job_timeout_stops_the_job(airflow: AirflowStack, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger(f"ledger_reduce_{how}", {"ledger": str(ledger), **LONG, "job_timeout": 4})
    run = run.wait(90, check=False)
    assert run.state == "failed"
    assert "JobTimeoutError" in run.log("map_reduce")
    assert_stopped(ledger)
    assert_summed_up(run, "map_reduce", "map")


@STATE_STORE
def test_a_defer_timeout_stops_the_job(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_short_deferral", {"ledger": str(ledger), **LONG}).wait(90, check=False)
    assert run.state == "failed"
    assert "TaskDeferralTimeout" in run.log("map")
    assert_stopped(ledger)
    assert_summed_up(run, "map", "map")


@HOW
def test_marking_success_stops_the_job(airflow: AirflowStack, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = start(airflow, f"ledger_{how}", ledger)
    run.mark("map", "success")
    assert_stopped(ledger, told=_TELLING)
    assert run.wait(60, check=False).state == "success"


@STATE_STORE
def test_a_job_outlives_its_scheduler(airflow: AirflowStack, tmp_path: Path) -> None:
    """And, with the scheduler, everything that it had started: what is left is the job."""
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_sync", {"ledger": str(ledger), "items": 60, "seconds": 0.2})
    wait_for_lines(ledger, 5)
    airflow.kill("scheduler")
    assert job_processes()
    airflow.start_component("scheduler")
    airflow.wait_healthy(120)
    run = run.wait(240)
    assert run.xcom("map") == [item * item for item in range(60)]
    assert all(times == 1 for times in ledger_of(ledger).values())


def test_marking_a_task_while_it_sends_stops_the_job(airflow: AirflowStack, tmp_path: Path) -> None:
    """Airflow refuses to defer it then."""
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_deferred", {"ledger": str(ledger), **LONG})
    run.wait_for_task("map", "running", interval=0.02)
    run.mark("map", "failed")
    time.sleep(_TELLING)  # it sends, and is told no later than by the next heartbeat
    assert_stopped(ledger)
    assert run.wait(60, check=False).state == "failed"


def test_a_job_is_stopped_before_a_triggerer_takes_its_trigger(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    airflow.kill("triggerer")
    run = start(airflow, "ledger_deferred", ledger)
    run.mark("map", "success")
    assert_stopped(ledger, told=_TELLING)
    assert run.wait(60, check=False).state == "success"
    airflow.start_component("triggerer")
    airflow.wait_healthy(120)


@needs_airflow("3.3", "on_kill of triggers")
def test_the_trigger_stops_the_job_as_well(airflow: AirflowStack, tmp_path: Path) -> None:
    """As it must where the API server can't reach the job's storage."""
    run = start(airflow, "ledger_deferred", tmp_path / "ledger")
    wait_for_log(run, "map", "starting")
    run.mark("map", "failed")
    wait_for_log(run, "map", "invoking on_kill")
    wait_for_log(run, "map", "was stopped")


@HOW
def test_execution_timeout_stops_the_job(airflow: AirflowStack, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger(f"ledger_call_{how}", {"ledger": str(ledger), "seconds": 60})
    run = run.wait(120, check=False)
    assert run.state == "failed"
    assert "imeout" in run.log("call")
    assert not wait_until_no_job_process(5)
    assert_summed_up(run, "call", "call")


@HOW
def test_failing_the_whole_run_stops_the_job(airflow: AirflowStack, tmp_path: Path, how: str) -> None:
    """Airflow lets nobody delete a run that goes on, so this is what comes before a deletion."""
    ledger = tmp_path / "ledger"
    run = start(airflow, f"ledger_{how}", ledger)
    airflow.api.patch(run.path, {"state": "failed"})
    assert_stopped(ledger, told=_TELLING)
    run.delete()


def test_a_task_that_succeeded_and_is_cleared_starts_afresh(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_sync", {"ledger": str(ledger), "items": 5}).wait(60)
    run.clear("map")
    run = run.wait(90)
    assert run.xcom("map") == [item * item for item in range(5)]
    assert set(ledger_of(ledger).values()) == {2}
