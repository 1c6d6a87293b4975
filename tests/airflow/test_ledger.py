"""Operators under a real scheduler, whose items write down that they ran."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.airflow.ledgers import ledger_of
from tests.airflow_version import AIRFLOW
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

#: How often an item runs that succeeds in the first of two tries: only with a task state store is it kept.
KEPT = 1 if AIRFLOW >= (3, 3) else 2


def how(one: str, other: str) -> pytest.MarkDecorator:
    """How a test's job is waited for: in one way, and for ``make thorough`` in the other way, too."""
    return pytest.mark.parametrize("how", [one, pytest.param(other, marks=pytest.mark.thorough)])


SYNC, DEFERRED = how("sync", "deferred"), how("deferred", "sync")
#: The runs: a name for each, its DAG, with ``sync`` and ``deferred`` behind it, and its conf.
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "map": ("ledger", {"items": 40}),
    "map_reduce": ("ledger_reduce", {"items": 10}),
    "call": ("ledger_call", {}),
    "item_retries": ("ledger", {"items": 20, "fail_until": 2, "item_retries": 2}),
    "retries": ("ledger", {"items": 20, "fail_until": 1}),
    "nothing": ("ledger", {"items": 0}),
    "clean_data": ("ledger", {"items": 20, "fail_until": 1, "clean_data": True}),
}
#: What is started at once: the ways that `make test` looks at.
STARTED = {
    **{"map": "deferred", "map_reduce": "deferred", "call": "deferred", "retries": "deferred"},
    **{"item_retries": "sync", "nothing": "sync", "clean_data": "sync"},
}


class Run(NamedTuple):
    run: DagRun
    ledger: Path


Ended = Callable[[str, str], Run]


def start_run(airflow: AirflowStack, folder: Path, name: str, how: str) -> Run:
    dag_id, conf = RUNS[name]
    ledger = folder / f"{name}-{how}"
    return Run(airflow.api.trigger(f"{dag_id}_{how}", {"ledger": str(ledger), **conf}), ledger)


def start_runs(airflow: AirflowStack, folder: Path) -> dict[tuple[str, str], Run]:
    return {(name, how): start_run(airflow, folder, name, how) for name, how in STARTED.items()}


@pytest.fixture
def ended(airflow: AirflowStack, started: dict[tuple[str, str], Run], tmp_path: Path) -> Ended:
    """Waits for a run, which is started now if it wasn't with all others, and returns it."""

    def get(name: str, how: str) -> Run:
        run, ledger = started.get((name, how)) or start_run(airflow, tmp_path, name, how)
        return Run(run.wait(), ledger)

    return get


@DEFERRED
def test_a_map_runs_each_item_once(ended: Ended, how: str) -> None:
    run, ledger = ended("map", how)
    assert run.xcom("map") == [item * item for item in range(40)]
    assert ledger_of(ledger) == {str(item): 1 for item in range(40)}


@DEFERRED
def test_a_map_reduce(ended: Ended, how: str) -> None:
    run, ledger = ended("map_reduce", how)
    assert run.xcom("map_reduce") == sum(item * item for item in range(10))
    assert sum(line.startswith("reduce") for line in ledger_of(ledger).elements()) == 1


@DEFERRED
def test_a_call(ended: Ended, how: str) -> None:
    assert ended("call", how).run.xcom("call") == 49


@SYNC
def test_items_that_fail_are_sent_again_alone(ended: Ended, how: str) -> None:
    run, ledger = ended("item_retries", how)
    assert run.xcom("map") == [item * item for item in range(20)]
    assert ledger_of(ledger) == {str(item): 3 if item % 10 == 3 else 1 for item in range(20)}


@DEFERRED
def test_a_retry_of_the_task_sends_only_what_failed(ended: Ended, how: str) -> None:
    run, ledger = ended("retries", how)
    assert run.xcom("map") == [item * item for item in range(20)]
    assert run.task("map")["try_number"] >= 2
    assert ledger_of(ledger) == {str(item): 2 if item % 10 == 3 else KEPT for item in range(20)}


@SYNC
def test_no_items_are_no_job(ended: Ended, how: str) -> None:
    run, ledger = ended("nothing", how)
    assert run.xcom("map") == []
    assert "There are no items, so nothing is sent." in run.log("map")
    assert not ledger_of(ledger)


@SYNC
def test_a_task_that_fails_keeps_its_data(ended: Ended, how: str) -> None:
    """The next try needs it."""
    run, ledger = ended("clean_data", how)
    assert run.xcom("map") == [item * item for item in range(20)]
    assert run.task("map")["try_number"] >= 2
    assert ledger_of(ledger) == {str(item): 2 if item % 10 == 3 else KEPT for item in range(20)}
