"""What can be given wrongly: each ends in a clear error, before anything is sent, and without a retry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.dags.seed_bad_rows import BAD, SEED_BAD, SEED_BAD_MORE
from tests.airflow.seed import Storage, executor_ids, messages
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def start_runs(airflow: AirflowStack, folder: Path) -> DagRun:
    Storage.of(airflow).put_lines()
    return airflow.api.trigger(SEED_BAD)


@pytest.fixture(scope="module")
def run(started: DagRun) -> DagRun:
    return started.wait(check=False)


@pytest.fixture(scope="module")
def more(airflow: AirflowStack, run_dag: RunDag) -> DagRun:
    Storage.of(airflow).put_lines()
    return run_dag(SEED_BAD_MORE, check=False)


def look_at(run: DagRun, name: str) -> None:
    task = run.task(name)
    assert (task["state"], task["try_number"]) == ("failed", 1)
    log = run.log(name)
    (error, *_) = messages(log, "AirflowFailException", "InvalidInputError")
    assert [part for part in BAD[name].says if part not in error] == []
    assert executor_ids(log) == []


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.dag_id == SEED_BAD])
def test_bad_input(run: DagRun, name: str) -> None:
    look_at(run, name)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.dag_id == SEED_BAD_MORE])
def test_more_bad_input(more: DagRun, name: str) -> None:
    look_at(more, name)


def test_nothing_is_sent(airflow: AirflowStack, run: DagRun) -> None:
    """A job is published before anything of it is stored or sent."""
    pushed = airflow.api.get(f"{run.path}/taskInstances/~/xcomEntries", limit=1000)["xcom_entries"]
    assert [entry["task_id"] for entry in pushed if entry["key"] == "lithops_job"] == []
