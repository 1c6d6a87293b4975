"""The LithopsExecutor as the only executor: DAGs that say nothing about theirs end as they do with any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import airflow.example_dags
import psutil
import pytest

from tests.airflow.conftest import HERE, running
from tests.airflow.seed import Storage
from tests.airflow_version import AIRFLOW
from tests.conftest import ROOT
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

#: As long as faulthandler_timeout allows: the first test starts an Airflow, too.
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1080)]

EXAMPLES = Path(airflow.example_dags.__path__[0])
#: Those of Airflow's examples that need nothing but Airflow, and say nothing about time; without near-copies of others.
OF_AIRFLOW = (
    *("asset_produces_1", "asset1_producer", "asset_with_extra_by_context", "example_branch_labels"),
    *("example_display_name", "example_dynamic_task_mapping", "example_failed_dag", "example_nested_branch_dag"),
    *("example_setup_teardown", "example_simplest_dag", "example_skip_dag", "example_task_group"),
    *("example_task_group_mapping", "example_task_mapping_second_order", "example_time_delta_sensor_async"),
    *("example_trigger_target_dag", "example_xcom", "example_xcom_args_with_operators"),
    *("tutorial_dag", "tutorial_taskflow_api", "tutorial_taskflow_templates"),
    *(("example_task_state_store", "example_task_state_store_mapped") if AIRFLOW >= (3, 3) else ()),
)
#: Those of them that change assets.
WITH_ASSETS = ("asset_produces_1", "asset1_producer", "asset_with_extra_by_context")
#: Tasks of those that don't succeed.
ENDS = {
    **{("example_nested_branch_dag", task_id): "skipped" for task_id in ("false_1", "branch_2", "join_2")},
    **{("example_nested_branch_dag", task_id): "skipped" for task_id in ("true_2", "false_2", "false_3")},
    **{("example_skip_dag", task_id): "skipped" for task_id in ("skip_operator_1", "skip_operator_2")},
    **{("example_skip_dag", task_id): "skipped" for task_id in ("all_success", "final_1")},
    ("example_failed_dag", "fail_task"): "failed",
}
#: DAGs of this project that say nothing about their executor.
OWN = ("seed_call", "seed_map", "seed_map_reduce", "seed_workflow", "taskflow", "in_functions")
#: Of each run, for examples that need one.
DATE = "2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def alone(request: pytest.FixtureRequest) -> Iterator[AirflowStack]:
    """An Airflow that has no other executor."""
    env = {
        "AIRFLOW__CORE__EXECUTOR": "lithops_provider.executors.LithopsExecutor",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",  # some of the examples would run every minute
    }
    stack = AirflowStack(ROOT / "alone", [HERE / "dags", EXAMPLES], env=env)
    with running(stack, request.config):
        Storage.of(stack).put_lines()
        yield stack


def ends_of(runs: list[DagRun]) -> dict[tuple[str, str], str]:
    """Waits for runs, and returns the states of their tasks that have not succeeded."""
    tasks = [(run.dag_id, task) for run in runs for task in run.wait(check=False).tasks()]
    assert len(tasks) >= len(runs)
    return {(dag_id, task["task_id"]): task["state"] for dag_id, task in tasks if task["state"] != "success"}


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="executors test connections from Airflow 3.3 on")
def test_connections_are_tested(alone: AirflowStack) -> None:
    body = {"connection_id": "tried", "conn_type": "fs", "extra": json.dumps({"path": str(alone.home)})}
    token = alone.api.post("/connections/enqueue-test", body)["token"]

    def state() -> str | None:
        headers = {"Airflow-Connection-Test-Token": token}
        found = alone.api.request("GET", "/connections/enqueue-test", headers=headers)
        if found["state"] == "failed":
            return str(found["result_message"])
        return "success" if found["state"] == "success" else None

    assert wait_until(state) == "success"


def test_dags_without_a_word_about_their_executor(alone: AirflowStack, tmp_path: Path) -> None:
    conf = {"notes": str(tmp_path)}
    good, bad = (alone.api.trigger(dag_id, conf) for dag_id in ("anywhere", "anywhere_badly"))
    assert ends_of([good]) == {("anywhere", "not_taken"): "skipped"}
    assert good.xcom("total") == sum(number * number for number in range(8))
    assert ends_of([bad]) == {("anywhere_badly", task_id): "failed" for task_id in ("raises", "late")}
    noted = {"retried raises 1", "failed raises 2", "failed late 1", "late was stopped", "run failed anywhere_badly"}
    wait_until(lambda: (tmp_path / "run failed anywhere_badly").exists())  # after the run is over
    assert {path.name for path in tmp_path.iterdir()} == noted


def test_tasks_are_stopped_from_outside(alone: AirflowStack, tmp_path: Path) -> None:
    """A task that is cleared ends and runs again, one whose run is marked failed ends; that run can be deleted."""

    def held() -> list[int]:
        return [int(path.name.rpartition(" ")[2]) for path in tmp_path.glob("held *")]

    cleared, deleted = (alone.api.trigger("anywhere_held", {"notes": str(tmp_path)}) for _ in range(2))
    wait_until(lambda: len(held()) == 2)
    first = held()
    cleared.clear("hold")
    alone.api.patch(deleted.path, {"state": "failed"})
    wait_until(lambda: not any(map(psutil.pid_exists, first)))
    assert cleared.wait().state == "success"
    deleted.delete()  # Airflow deletes none that runs; nor may its scheduler have it in hand, on SQLite
    assert len(held()) == 3


def test_dags_of_this_project(alone: AirflowStack) -> None:
    assert ends_of([alone.api.trigger(dag_id) for dag_id in OWN]) == {}


def test_examples_of_airflow(alone: AirflowStack) -> None:
    # Assets become active some time after the file of their DAG was parsed. Until then, tasks that change them fail.
    for dag_id in WITH_ASSETS:
        wait_until(lambda dag_id=dag_id: alone.api.get("/assets", dag_ids=dag_id)["total_entries"] > 0)
    assert ends_of([alone.api.trigger(dag_id, logical_date=DATE) for dag_id in OF_AIRFLOW]) == ENDS
