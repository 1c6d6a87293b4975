"""A job's value is enough to wait for it, gather it and clean it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.airflow.guarded import Guarded
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

SQUARES = [x * x for x in range(20)]


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    return {dag_id: airflow.api.trigger(dag_id) for dag_id in ("by_value", "many_at_once")}


@pytest.fixture(scope="module")
def run(started: dict[str, DagRun]) -> DagRun:
    return started["by_value"].wait(check=False)


def test_async_invoke_returns_plain_json_without_credentials(run: DagRun) -> None:
    value = run.xcom("sent")
    assert value["lithops_job"] == 1
    assert value["items"] == 20
    assert len(json.dumps(value)) < 1000


@pytest.mark.parametrize("how", ["reschedule", "deferred"])
def test_the_sensor_waits(run: DagRun, how: str) -> None:
    assert run.task(f"wait_{how}")["state"] == "success"
    assert run.xcom(f"wait_{how}") == SQUARES


def test_the_sensor_sums_up_what_it_has_waited_for(run: DagRun, guarded: Guarded) -> None:
    for how in ("reschedule", "deferred"):
        found = run.xcom(f"wait_{how}", key="lithops_summary")["map"]
        assert (found["job"], found["succeeded"]) == (run.xcom("sent")["executor_id"], 20)
        assert found["compute_seconds"] >= 20 * 0.2
        assert found["wall_seconds"] > 0
    failing = run.xcom("wait_failing", key="lithops_summary")["map"]
    assert (failing["succeeded"], failing["failed"], "unfinished" in failing) == (4, 1, False)

    # The page of the task that has sent the job finds it.
    ids = {"run_id": run.run_id, "task_id": "sent"}
    shown = guarded.get("api/dags/by_value/job", guarded.token(), **ids).json()["summary"]
    assert shown["succeeded"] == 20


def test_the_hook_waits_and_gathers(run: DagRun) -> None:
    assert run.xcom("by_hook") == SQUARES


def test_the_hook_yields_results_as_they_come(run: DagRun) -> None:
    assert run.xcom("as_they_come") == [0, 1, 2, "ValueError: three", 4]


def test_results_are_written_into_files_and_the_outlets_event_tells_of_them(run: DagRun) -> None:
    found = run.xcom("as_files")
    assert (found["path"], found["files"]) == (f"storage/by_value/{run.run_id}/", 1)
    assert (found["rows"], found["items"], found["failed"]) == (20, 20, 0)
    events = run.api.get("/assets/events", source_dag_id="by_value", source_run_id=run.run_id)["asset_events"]
    assert [event["extra"]["lithops_results"] for event in events] == [found]


def test_get_result_false_waits_and_returns_the_value(run: DagRun) -> None:
    assert run.xcom("kept")["items"] == 3
    assert "3/3 items done" in run.log("kept")


def test_async_invoke_of_a_map_reduce(run: DagRun) -> None:
    assert run.xcom("sent_reduce")["kind"] == "reduce"


def test_the_sensor_fails_when_items_failed(run: DagRun) -> None:
    assert run.task("wait_failing")["state"] == "failed"
    log = run.log("wait_failing")
    assert "1 of 5 item(s) of fails_at_three failed" in log
    assert "ValueError: three" in log


def test_the_sensor_tolerates_what_it_is_told_to(run: DagRun) -> None:
    assert run.xcom("wait_tolerant") == [0, 1, 2, None, 4]


def test_many_tasks_at_once(started: dict[str, DagRun]) -> None:
    many = started["many_at_once"].wait()
    assert {f"map_{n}": many.xcom(f"map_{n}") for n in range(4)} == {
        f"map_{n}": [n * n, (n + 1) ** 2, (n + 2) ** 2] for n in range(4)
    }
