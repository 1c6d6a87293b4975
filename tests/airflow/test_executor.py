"""The LithopsExecutor beside the LocalExecutor, in one scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until


class Started(NamedTuple):
    """The runs, and the folder in which tasks and callbacks leave a file for each thing that they have done."""

    good: DagRun
    bad: DagRun
    folder: Path

    def notes(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def start_runs(airflow: AirflowStack, folder: Path) -> Started:
    notes = folder / "executed"
    notes.mkdir()
    conf = {"notes": str(notes)}
    return Started(airflow.api.trigger("executed", conf), airflow.api.trigger("executed_badly", conf), notes)


@pytest.fixture(scope="module")
def good(started: Started) -> DagRun:
    return started.good.wait()


@pytest.fixture(scope="module")
def bad(started: Started) -> DagRun:
    return started.bad.wait(check=False)


def test_tasks_do_what_they_do_elsewhere(good: DagRun) -> None:
    assert good.xcom("total") == 14
    assert good.xcom("second_try") == 2
    assert good.xcom("environment") == "yes"
    assert good.task("sensed")["state"] == "success"


def test_a_task_whose_process_is_killed_is_tried_again(good: DagRun) -> None:
    """The scheduler of the tests takes nobody for dead that it doesn't hear of: it would wait for ever."""
    assert good.xcom("killed_once") == 2
    assert "the process of the task was killed by SIGKILL" in good.log("killed_once", try_number=1)


def test_an_operator_of_ours_runs_in_a_task_of_the_executor(good: DagRun) -> None:
    assert good.xcom("cube") == [1, 8, 27]


def test_logs_are_where_they_are_elsewhere(good: DagRun) -> None:
    assert "hello from a function" in good.log("numbers")


def test_a_task_whose_supervisor_is_killed_ends_and_fails(bad: DagRun, started: Started) -> None:
    assert bad.task("killed")["state"] == "failed"
    assert "survived" not in started.notes()


def test_callbacks_of_tasks_and_runs_are_called(good: DagRun, bad: DagRun, started: Started) -> None:
    of_tasks = {"retry second_try 1", "success second_try 2", "failure raises 1", "failure killed 1"}
    of_runs = {"success executed", "failure executed_badly"}
    wait_until(lambda: started.notes() >= of_runs | of_tasks)  # after a run is over: the DAG processor calls its own
    assert started.notes() == of_runs | of_tasks


def test_a_task_that_says_something_wrong_fails_and_its_events_say_why(bad: DagRun, airflow: AirflowStack) -> None:
    assert bad.task("misled")["state"] == "failed"
    events = airflow.api.get("/eventLogs", dag_id=bad.dag_id, task_id="misled", event="lithops executor")
    (event,) = events["event_logs"]
    assert "executor_config has 'pod_override'" in event["extra"]
