"""The NDVI workflow of the original plugin, as a chain of TaskFlow maps whose results stay in storage."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.airflow.beside import beside
from tests.airflow.conftest import RunDag
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

DAG_FILE = Path(__file__).resolve().parents[2] / "example_dags" / "lithops_ndvi.py"


def start_runs(airflow: AirflowStack, folder: Path) -> Future[DagRun]:
    def run() -> DagRun:
        airflow.write_dag("lithops_ndvi", DAG_FILE.read_text(), "lithops_ndvi")
        return airflow.api.trigger("lithops_ndvi").wait()

    return beside(run)


def test_the_workflow_finds_the_season_and_leaves_no_bands(started: Future[DagRun]) -> None:
    run = started.result()

    table = run.xcom("field_averages")
    assert list(table) == ["04", "05", "06", "07", "08", "09"]
    assert table["06"] == {"wheat": 0.75, "meadow": 0.75, "lake": -0.2}
    assert run.xcom("check") == "the wheat is greenest in month 06"
    assert run.xcom("clean_up") == 36
    values = [run.xcom(task_id) for task_id in ("tiles", "store_tile", "ndvi", "field_averages")]
    assert sum(len(json.dumps(value)) for value in values) < 4_000  # 18 tiles, of half a megabyte each in between


@pytest.mark.thorough
def test_a_run_fails_with_its_check_and_leaves_no_bands_either(airflow: AirflowStack, run_dag: RunDag) -> None:
    text = DAG_FILE.read_text().replace("> 0.02", "> -1").replace('"lithops_ndvi"', '"wrong_ndvi"')
    airflow.write_dag("wrong_ndvi", text, "wrong_ndvi")
    run = run_dag("wrong_ndvi", check=False)

    assert {task["task_id"]: task["state"] for task in run.tasks()}["check"] == "failed"
    assert run.xcom("clean_up") == 36
    assert run.state == "failed"
