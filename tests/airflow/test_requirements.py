"""Functions with packages that the worker hasn't, under a real Airflow: the packages are built here."""

from __future__ import annotations

import textwrap

import pytest

from tests.jobs.adapter.runtimes.wheels import build
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

pytestmark = pytest.mark.thorough

DAG_FILE = """
    from airflow.sdk import DAG, task

    from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapReduceOperator

    OLD, NEW = ["{old}"], ["{new}"]

    def answer(x=0):
        import tiny_thing

        return tiny_thing.ANSWER + x

    with DAG("requirements", schedule=None, default_args={{"retries": 0}}):
        LithopsCallAsyncOperator(task_id="call", func=answer, requirements=OLD)
        LithopsMapReduceOperator(
            task_id="deferred", map_function=answer, map_iterdata=[1, 2], reduce_function=sum, deferrable=True,
            requirements=NEW,
        )
        LithopsCallAsyncOperator(task_id="without", func=answer)
        LithopsCallAsyncOperator(task_id="impossible", func=answer, requirements=["tiny-thing @ file:///nowhere.whl"])

        @task.lithops_map(requirements=OLD)
        def decorated(x):
            return answer(x)

        decorated([1, 2])
"""


@pytest.fixture(scope="module")
def run(airflow: AirflowStack, tmp_path_factory: pytest.TempPathFactory) -> DagRun:
    folder = tmp_path_factory.mktemp("wheels")
    source = DAG_FILE.format(old=build(folder, "1.0", 40), new=build(folder, "2.0", 50))
    airflow.write_dag("requirements", textwrap.dedent(source), "requirements")
    return airflow.api.trigger("requirements").wait(check=False)


@pytest.mark.parametrize(("task_id", "result"), [("call", 40), ("decorated", [41, 42]), ("deferred", 103)])
def test_each_task_has_the_version_that_it_requires(run: DagRun, task_id: str, result: object) -> None:
    assert run.xcom(task_id) == result


def test_a_list_is_installed_once(run: DagRun, airflow: AirflowStack) -> None:
    cache = airflow.user_home / ".cache" / "airflow-provider-lithops"

    assert len(list(cache.glob("*/complete"))) == 2
    assert sum("Making an environment" in run.log(task_id) for task_id in ("call", "decorated")) == 1


def test_a_task_without_requirements_has_nothing_of_the_others(run: DagRun) -> None:
    assert run.task("without")["state"] == "failed"
    assert "tiny_thing is not in the runtime" in run.log("without")
    assert "in `requirements`" in run.log("without")


def test_what_can_not_be_installed_is_said_by_uv(run: DagRun) -> None:
    assert run.task("impossible")["state"] == "failed"
    assert "requirements could not be installed" in run.log("impossible")
    assert "nowhere.whl" in run.log("impossible")
