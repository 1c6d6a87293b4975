"""Airflow on PostgreSQL, its tasks run by a Celery worker: jobs, and what ends them, are as with the LocalExecutor."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.airflow.conftest import DEFER_AT_ONCE, HERE, running
from tests.airflow.ledgers import assert_stopped, ledger_of, let_go, start, wait_for_lines
from tests.airflow_version import AIRFLOW
from tests.backends.redis_server import Redis
from tests.conftest import ROOT
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import HANGS

if AIRFLOW < (3, 3):
    pytest.skip(
        "the CeleryExecutor of older Airflows needs older clients of Redis: see docs/versions.md",
        allow_module_level=True,
    )
from tests.backends.postgresql import PostgreSQL

FILES = ("ledger", "by_reference")


@pytest.fixture(scope="module")
def celery(request: pytest.FixtureRequest) -> Iterator[AirflowStack]:
    """That Airflow, with some of the DAGs."""
    folder = ROOT / "celery"
    with PostgreSQL(folder / "postgresql") as database, Redis(folder / "redis") as broker:
        stack = AirflowStack(folder / "stack", sql_alchemy_conn=database.url, broker_url=broker.url, env=DEFER_AT_ONCE)
        stack.dags.mkdir(parents=True)
        for name in FILES:
            stack.write_dag(name, (HERE / "dags" / f"{name}.py").read_text())
        with running(stack, request.config):
            yield stack


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledgers")


@pytest.fixture(scope="module")
def runs(celery: AirflowStack, ledgers: Path) -> dict[str, DagRun]:
    """Runs that have ended well, by their DAG; they ran beside each other."""
    dag_ids = ("ledger_sync", "ledger_deferred", "ledger_reduce_sync", "by_reference_sync")
    started = [celery.api.trigger(dag_id, {"ledger": str(ledgers / dag_id)}) for dag_id in dag_ids]
    return {run.dag_id: run.wait() for run in started}


@pytest.mark.parametrize("dag_id", ["ledger_sync", "ledger_deferred"])
def test_a_map(runs: dict[str, DagRun], ledgers: Path, dag_id: str) -> None:
    assert runs[dag_id].xcom("map") == [item * item for item in range(20)]
    assert ledger_of(ledgers / dag_id) == {str(item): 1 for item in range(20)}


def test_a_map_reduce(runs: dict[str, DagRun]) -> None:
    assert runs["ledger_reduce_sync"].xcom("map_reduce") == sum(item * item for item in range(20))


def test_a_chain_by_reference(runs: dict[str, DagRun]) -> None:
    assert runs["by_reference_sync"].xcom("reduced") == sum(2 * number for number in range(50))


def test_the_page_reads_postgresql(celery: AirflowStack, runs: dict[str, DagRun]) -> None:
    run = runs["by_reference_sync"]
    ids = {"run_id": run.run_id, "task_id": "made"}
    cookies = {"_token": celery.api.token}
    with httpx.Client(base_url=f"{celery.url}/lithops/api", cookies=cookies, trust_env=False, timeout=HANGS) as client:
        rows = client.get("/jobs").raise_for_status().json()["rows"]
        shown = client.get(f"/dags/{run.dag_id}/job", params=ids).raise_for_status().json()
    assert Counter(row["task"]["dag_id"] for row in rows) == {**dict.fromkeys(runs, 1), run.dag_id: 3}
    assert shown["job"]["items"] == 50


def test_the_command_line_reads_postgresql(celery: AirflowStack, runs: dict[str, DagRun]) -> None:
    job = runs["by_reference_sync"].xcom("made")["executor_id"]
    shown = json.loads(celery.cli("lithops", "jobs", "show", job, "--output", "json"))
    assert shown["counts"]["succeeded"] == 50


def test_marking_failed_stops_the_job(celery: AirflowStack, tmp_path: Path) -> None:
    """The task's process is the worker's, and hears of it all the same."""
    ledger = tmp_path / "ledger"
    run = start(celery, "ledger_sync", ledger)
    assert celery.pid("worker") in [parent.pid for parent in psutil.Process(run.task_pid("map")).parents()]
    run.mark("map", "failed")
    assert run.wait(check=False).state == "failed"
    assert_stopped(run, ledger)


def test_the_retry_of_a_killed_task_goes_on_with_its_job(celery: AirflowStack, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = celery.api.trigger("ledger_sync", {"ledger": str(ledger), "items": 60, "held": 10})
    wait_for_lines(ledger, 11)
    os.kill(run.task_pid("map"), signal.SIGKILL)
    let_go(ledger)
    run = run.wait()
    assert run.task("map")["try_number"] == 2
    assert run.xcom("map") == [item * item for item in range(60)]
    assert ledger_of(ledger) == {str(item): 1 for item in range(60)}
