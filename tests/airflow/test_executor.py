"""The LithopsExecutor beside the LocalExecutor, in one scheduler."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

Started = dict[str, DagRun]


def start_runs(airflow: AirflowStack, folder: Path) -> Started:
    conf = {"survived": str(folder / "survived")}
    return {dag_id: airflow.api.trigger(dag_id, conf) for dag_id in ("executed", "executed_badly")}


@pytest.fixture(scope="module")
def good(started: Started) -> DagRun:
    return started["executed"].wait()


def test_tasks_do_what_they_do_elsewhere(good: DagRun) -> None:
    assert good.xcom("total") == 14
    assert good.xcom("second_try") == 2
    assert good.xcom("environment") == "yes"
    assert good.task("sensed")["state"] == "success"


def test_an_operator_of_ours_runs_in_a_task_of_the_executor(good: DagRun) -> None:
    assert good.xcom("cube") == [1, 8, 27]


def test_logs_are_where_they_are_elsewhere(good: DagRun) -> None:
    assert "hello from a function" in good.log("numbers")


def test_a_task_whose_supervisor_is_killed_ends_and_fails(started: Started, airflow: AirflowStack) -> None:
    run = started["executed_badly"].wait(check=False)
    assert run.task("killed")["state"] == "failed"
    conf = airflow.api.get(run.path)["conf"]
    assert not Path(conf["survived"]).exists()


def test_a_task_that_says_something_wrong_fails_and_its_events_say_why(started: Started, airflow: AirflowStack) -> None:
    run = started["executed_badly"].wait(check=False)
    assert run.task("misled")["state"] == "failed"
    events = airflow.api.get("/eventLogs", dag_id=run.dag_id, task_id="misled", event="lithops executor")
    (event,) = events["event_logs"]
    assert "executor_config has 'pod_override'" in event["extra"]
