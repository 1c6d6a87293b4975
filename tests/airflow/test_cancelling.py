"""Whoever ends a task ends its job; whoever restarts a part of Airflow doesn't."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.ledgers import (
    LONG,
    assert_stopped,
    job_processes,
    ledger_of,
    let_go,
    start,
    wait_for_lines,
    wait_for_log,
    wait_for_xcom,
    wait_until_it_runs,
    wait_until_no_job_process,
    wait_until_task_process_is_gone,
)
from tests.airflow.seed import executor_ids
from tests.airflow_version import AIRFLOW, STATE_STORE, needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

#: How a job is waited for.
HOW = pytest.mark.parametrize("how", ["sync", "deferred"])
#: The state of a task that waits for its job.
STATES = {"sync": "running", "deferred": "deferred"}
#: How a job is waited for, where one of both is for ``make thorough``: other tests show it, too.
SYNC = pytest.mark.parametrize("how", ["sync", pytest.param("deferred", marks=pytest.mark.thorough)])
DEFERRED = pytest.mark.parametrize("how", [pytest.param("sync", marks=pytest.mark.thorough), "deferred"])
#: A job whose items from the tenth on wait until the test lets them go.
HELD = {"items": 60, "seconds": 0.01, "held": 10}
#: DAGs whose jobs have little time, and the conf of their runs.
TIMED: dict[str, dict[str, Any]] = {
    "ledger_timed_call_sync": {"seconds": 3600},
    "ledger_timed_call_deferred": {"seconds": 3600},
    "ledger_reduce_deferred": {**LONG, "job_timeout": 6},
}
#: The same for ``make thorough``.
MORE_TIMED: dict[str, dict[str, Any]] = {"ledger_reduce_sync": {**LONG, "job_timeout": 6}}
if AIRFLOW >= (3, 3):  # before, its job would go on
    TIMED["ledger_short_deferral"] = LONG


@pytest.fixture(scope="module")
def timed(airflow: AirflowStack, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[DagRun, Path]]:
    """
    Runs whose jobs have little time, all sent at once: by DAG, the run when it is over, and the job's ledger.

    Where the time was up before the machine had come to send the job, or the scheduler failed the task since it came
    back before that had seen it leave (docs/deferrable.md), the run shows nothing: another one is made.
    """

    def send(dag_id: str) -> tuple[DagRun, Path]:
        ledger = tmp_path_factory.mktemp(dag_id) / "ledger"
        return airflow.api.trigger(dag_id, {"ledger": str(ledger), **(TIMED | MORE_TIMED)[dag_id]}), ledger

    def over(dag_id: str) -> tuple[DagRun, Path]:
        run, ledger = started.get(dag_id) or send(dag_id)
        while True:
            log = run.wait(check=False).log(run.tasks()[0]["task_id"])
            if executor_ids(log) and "the task shouldn't be running anymore" not in log:
                return run.refresh(), ledger
            run, ledger = started[dag_id] = send(dag_id)

    started = {dag_id: send(dag_id) for dag_id in TIMED}
    return over


class Running:
    """Jobs that somebody will stop, started at once, since each needs its time until its items run."""

    def __init__(self, airflow: AirflowStack, folder: Path) -> None:
        self._airflow, self._folder = airflow, folder
        at_once = [("marked_failed", "sync"), *((name, "deferred") for name in ("marked_failed", "marked_success"))]
        self._started = {key: self._start(*key) for key in [*at_once, ("run_failed", "sync")]}

    def _start(self, name: str, how: str) -> tuple[DagRun, Path]:
        ledger = self._folder / f"{name}-{how}"
        return self._airflow.api.trigger(f"ledger_{how}", {"ledger": str(ledger), **LONG}), ledger

    def get(self, name: str, how: str) -> tuple[DagRun, Path]:
        """Returns the run whose job is for a test, once its items run, and their ledger."""
        run, ledger = self._started.get((name, how)) or self._start(name, how)
        return wait_until_it_runs(run, ledger), ledger


@pytest.fixture(scope="module")
def running(airflow: AirflowStack, tmp_path_factory: pytest.TempPathFactory) -> Running:
    return Running(airflow, tmp_path_factory.mktemp("running"))


def assert_summed_up(run: DagRun, task_id: str, phase: str) -> None:
    """The task, or the API server, has told what its job came to, though it was stopped: a moment after that."""
    found = wait_for_xcom(run, task_id, "lithops_summary")[phase]
    assert found["stopped"]
    assert found["unfinished"] == found["items"] - found["succeeded"] - found["failed"] > 0
    assert found["compute_seconds"] >= 0


def was_cut_short(airflow: AirflowStack, pid: int) -> bool:
    """Tells whether Airflow has ended a task with SIGKILL: after 5 seconds, in which a busy machine does little."""
    log = (airflow.logs / "scheduler.log").read_text()
    return any(re.search(rf"\bpid={pid}\b", line) for line in log.splitlines() if "did not terminate in time" in line)


@pytest.mark.usefixtures("timed")  # their time ends meanwhile
@HOW
def test_marking_failed_stops_the_job(airflow: AirflowStack, running: Running, tmp_path: Path, how: str) -> None:
    run, ledger = running.get("marked_failed", how)
    for attempt in range(5):
        pid = run.task_pid("map") if how == "sync" else None
        run.mark("map", "failed")
        assert_stopped(run, ledger)
        assert run.wait(check=False).state == "failed"
        if pid is None or not was_cut_short(airflow, pid):
            break
        ledger = tmp_path / str(attempt)
        run = start(airflow, "ledger_sync", ledger)
    assert_summed_up(run, "map", "map")


@pytest.fixture(scope="module")
def cleared(airflow: AirflowStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[DagRun, Path, Any]]:
    """Runs whose task was cleared while it waited for its job: each with its ledger, and the task as it was before."""
    found = {}
    ledgers = {how: tmp_path_factory.mktemp(how) / "ledger" for how in STATES}
    runs = {how: airflow.api.trigger(f"ledger_{how}", {"ledger": str(ledgers[how]), **HELD}) for how in STATES}
    for how, run in runs.items():
        first = run.wait_for_task("map", STATES[how])
        wait_for_lines(ledgers[how], HELD["held"] + 1)
        run.clear("map")
        found[how] = run, ledgers[how], first
    return found


@STATE_STORE
@HOW
def test_clearing_a_running_task_does_not_run_items_twice(
    cleared: dict[str, tuple[DagRun, Path, Any]], how: str
) -> None:
    """The next try takes the job over, or sends what is left of it; the last try must not stop it then."""
    run, ledger, first = cleared[how]
    wait_until(lambda: (task := run.task("map"))["try_number"] == 2 and task["state"] == STATES[how])
    wait_until_task_process_is_gone(run, "map", first["pid"])
    begun = {item for item in ledger_of(ledger) if int(item) >= HELD["held"]}
    let_go(ledger)
    run = run.wait()
    assert run.xcom("map") == [item * item for item in range(60)]
    again = {item: times for item, times in ledger_of(ledger).items() if times > 1}
    assert set(again) <= begun, f"only items that ran when the first try ended may run again: {again}"
    assert set(ledger_of(ledger)) == {str(item) for item in range(60)}


def test_a_deferred_job_outlives_its_triggerer_and_is_stopped_without_one(
    airflow: AirflowStack, tmp_path: Path
) -> None:
    ledger, others = tmp_path / "ledger", tmp_path / "others"
    run = airflow.api.trigger("ledger_deferred", {"ledger": str(ledger), **HELD})
    run.wait_for_task("map", "deferred")
    wait_for_lines(ledger, HELD["held"] + 1)
    airflow.kill("triggerer")
    assert job_processes(run)
    let_go(ledger)

    other = start(airflow, "ledger_deferred", others)
    other.mark("map", "success")
    assert_stopped(other, others)
    assert other.wait(check=False).state == "success"

    airflow.start_component("triggerer")
    run = run.wait()
    assert run.xcom("map") == [item * item for item in range(60)]
    assert all(times == 1 for times in ledger_of(ledger).values())
    assert run.task("map")["try_number"] == 1


@pytest.mark.thorough
def test_restarting_the_triggerer_stops_nothing(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_deferred", {"ledger": str(ledger), **HELD})
    run.wait_for_task("map", "deferred")
    wait_for_lines(ledger, HELD["held"] + 1)
    airflow.restart("triggerer")
    assert job_processes(run)
    let_go(ledger)
    run = run.wait()
    assert run.xcom("map") == [item * item for item in range(60)]
    assert all(times == 1 for times in ledger_of(ledger).values())


@DEFERRED
def test_job_timeout_stops_the_job(timed: Callable[[str], tuple[DagRun, Path]], how: str) -> None:
    run, ledger = timed(f"ledger_reduce_{how}")
    assert run.state == "failed"
    assert "JobTimeoutError" in run.log("map_reduce")
    assert_stopped(run, ledger)
    assert_summed_up(run, "map_reduce", "map")


@STATE_STORE
def test_a_defer_timeout_stops_the_job(timed: Callable[[str], tuple[DagRun, Path]]) -> None:
    run, ledger = timed("ledger_short_deferral")
    assert run.state == "failed"
    assert "TaskDeferralTimeout" in run.log("map")
    assert_stopped(run, ledger)
    assert_summed_up(run, "map", "map")


@DEFERRED
def test_marking_success_stops_the_job(running: Running, how: str) -> None:
    run, ledger = running.get("marked_success", how)
    run.mark("map", "success")
    assert_stopped(run, ledger)
    assert run.wait(check=False).state == "success"


@STATE_STORE
def test_a_job_outlives_its_scheduler(airflow: AirflowStack, tmp_path: Path) -> None:
    """And, with the scheduler, everything that it had started: what is left is the job."""
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_sync", {"ledger": str(ledger), **HELD})
    wait_for_lines(ledger, HELD["held"] + 1)
    airflow.kill("scheduler")
    assert job_processes(run)
    let_go(ledger)
    airflow.start_component("scheduler")
    airflow.wait_healthy()
    run = run.wait()
    assert run.xcom("map") == [item * item for item in range(60)]
    assert all(times == 1 for times in ledger_of(ledger).values())


def test_marking_a_task_while_it_sends_stops_the_job(airflow: AirflowStack, tmp_path: Path) -> None:
    """Airflow refuses to defer it then."""
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_deferred", {"ledger": str(ledger), **LONG})
    run.wait_for_task("map", "running", interval=0.02)
    run.mark("map", "failed")
    assert_stopped(run, ledger)
    assert run.wait(check=False).state == "failed"


@needs_airflow("3.3", "on_kill of triggers")
def test_the_trigger_stops_the_job_as_well(airflow: AirflowStack, tmp_path: Path) -> None:
    """As it must where the API server can't reach the job's storage."""
    run = start(airflow, "ledger_deferred", tmp_path / "ledger")
    wait_for_log(run, "map", "starting")
    run.mark("map", "failed")
    wait_for_log(run, "map", "invoking on_kill")
    wait_for_log(run, "map", "was stopped")


@HOW
def test_execution_timeout_stops_the_job(timed: Callable[[str], tuple[DagRun, Path]], how: str) -> None:
    run, _ = timed(f"ledger_timed_call_{how}")
    assert run.state == "failed"
    assert "imeout" in run.log("call")
    wait_until_no_job_process(run)
    assert_summed_up(run, "call", "call")


@SYNC
def test_failing_the_whole_run_stops_the_job(airflow: AirflowStack, running: Running, how: str) -> None:
    """Airflow lets nobody delete a run that goes on, so this is what comes before a deletion."""
    run, ledger = running.get("run_failed", how)
    airflow.api.patch(run.path, {"state": "failed"})
    assert_stopped(run, ledger)
    run.delete()


def test_a_task_that_succeeded_and_is_cleared_starts_afresh(airflow: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = airflow.api.trigger("ledger_sync", {"ledger": str(ledger), "items": 5}).wait()
    run.clear("map")
    run = run.wait()
    assert run.xcom("map") == [item * item for item in range(5)]
    assert set(ledger_of(ledger).values()) == {2}
