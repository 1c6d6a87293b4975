"""The test's own Airflow does what the other tests rely on."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.airflow.conftest import RunDag
from tools.airflow_api import DagRunFailed
from tools.airflow_stack import AirflowStack


def test_a_run_takes_a_conf_and_leaves_results_and_logs(run_dag: RunDag) -> None:
    run = run_dag("smoke", {"value": [1, None, "three", {"four": 4.5}]})

    assert run.state == "success"
    assert run.xcom("echo") == [1, None, "three", {"four": 4.5}]
    assert "hello from the task" in run.log("echo")
    assert run.task("echo")["duration"] > 0


def test_a_failed_run_shows_the_log_of_the_task_that_failed_and_can_be_looked_at(airflow: AirflowStack) -> None:
    run = airflow.api.trigger("smoke_fails")
    with pytest.raises(DagRunFailed) as error:
        run.wait()

    assert "about to divide" in str(error.value)
    assert "ZeroDivisionError: division by zero" in str(error.value)
    assert "after[-1] is 'upstream_failed'" in str(error.value)
    assert run.wait(check=False).state == "failed"
    assert run.task("divide")["state"] == "failed"


def test_a_dag_written_at_run_time_is_there(airflow: AirflowStack, run_dag: RunDag) -> None:
    source = (
        "from airflow.sdk import dag, task\n"
        "@dag(schedule=None)\n"
        "def written_late():\n"
        "    task(lambda: 'late', task_id='answer')()\n"
        "written_late()\n"
    )
    airflow.write_dag("late", source, "written_late")

    assert run_dag("written_late").xcom("answer") == "late"


def test_a_missing_dag_is_a_readable_error(airflow: AirflowStack) -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.5 s. No DAG 'nowhere', only \[.*'smoke'.*\]"):
        airflow.api.trigger("nowhere", timeout=0.5)


def test_the_process_of_a_task_can_be_found_and_killed(airflow: AirflowStack) -> None:
    run = airflow.api.trigger("smoke_sleeps")
    pid = run.task_pid("sleep")
    assert pid in {process.pid for process in airflow.processes()}
    psutil.Process(pid).send_signal(signal.SIGKILL)

    assert run.wait(check=False).state == "failed"


def test_a_running_task_can_be_marked_failed_and_cleared(airflow: AirflowStack) -> None:
    run = airflow.api.trigger("smoke_sleeps")
    first = run.task_pid("sleep")
    run.mark("sleep", "failed")
    assert run.wait(check=False).state == "failed"

    run.clear("sleep")
    task = run.wait_for_task("sleep", "running")
    assert task["try_number"] == 2
    assert task["pid"] != first
    run.mark("sleep", "success")
    assert run.wait().state == "success"


def test_connections_are_made_shown_and_deleted(airflow: AirflowStack) -> None:
    airflow.api.create_connection("some_connection", "generic", login="me", password="s3cret-of-mine")
    shown = airflow.api.get("/connections/some_connection")
    airflow.api.delete_connection("some_connection")

    assert shown["login"] == "me"
    assert shown["password"] != "s3cret-of-mine"


@pytest.mark.thorough
def test_the_airflow_command_sees_the_same_airflow(airflow: AirflowStack) -> None:
    assert "smoke_sleeps" in airflow.cli("dags", "list", "--output", "plain")


@pytest.mark.thorough  # test_cancelling.py kills them, too
@pytest.mark.parametrize("component", ["triggerer", "scheduler"])
def test_a_killed_component_comes_back(airflow: AirflowStack, run_dag: RunDag, component: str) -> None:
    before = airflow.pid(component)
    airflow.restart(component, signal.SIGKILL)

    assert airflow.pid(component) != before
    assert run_dag("smoke", {"value": 7}).xcom("echo") == 7
