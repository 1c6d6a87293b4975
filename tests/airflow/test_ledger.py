"""Operators under a real scheduler, whose items write down that they ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow_version import AIRFLOW

#: How often an item runs that succeeds in the first of two tries: only with a task state store is it kept.
KEPT = 1 if AIRFLOW >= (3, 3) else 2


def _ledger(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("how", ["sync", "deferred"])
def test_a_map_runs_each_item_once(run_dag: RunDag, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = run_dag(f"ledger_{how}", {"ledger": str(ledger), "items": 40})
    assert run.xcom("map") == [item * item for item in range(40)]
    assert sorted(_ledger(ledger), key=int) == [str(item) for item in range(40)]


@pytest.mark.parametrize("how", ["sync", "deferred"])
def test_a_map_reduce(run_dag: RunDag, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = run_dag(f"ledger_reduce_{how}", {"ledger": str(ledger), "items": 10})
    assert run.xcom("map_reduce") == sum(item * item for item in range(10))
    assert len([line for line in _ledger(ledger) if line.startswith("reduce")]) == 1


@pytest.mark.parametrize("how", ["sync", "deferred"])
def test_a_call(run_dag: RunDag, tmp_path: Path, how: str) -> None:
    run = run_dag(f"ledger_call_{how}", {"ledger": str(tmp_path / "ledger")})
    assert run.xcom("call") == 49


@pytest.mark.parametrize("how", ["sync", "deferred"])
def test_items_that_fail_are_sent_again_alone(run_dag: RunDag, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = run_dag(f"ledger_{how}", {"ledger": str(ledger), "items": 20, "fail_until": 2, "item_retries": 2})
    assert run.xcom("map") == [item * item for item in range(20)]
    lines = _ledger(ledger)
    assert {item: lines.count(item) for item in lines} == {str(item): 3 if item % 10 == 3 else 1 for item in range(20)}


@pytest.mark.parametrize("how", ["sync", "deferred"])
def test_a_retry_of_the_task_sends_only_what_failed(run_dag: RunDag, tmp_path: Path, how: str) -> None:
    ledger = tmp_path / "ledger"
    run = run_dag(f"ledger_{how}", {"ledger": str(ledger), "items": 20, "fail_until": 1})
    assert run.xcom("map") == [item * item for item in range(20)]
    assert run.task("map")["try_number"] == 2
    lines = _ledger(ledger)
    assert {item: lines.count(item) for item in lines} == {
        str(item): 2 if item % 10 == 3 else KEPT for item in range(20)
    }


@pytest.mark.parametrize("how", ["sync", "deferred"])
def test_no_items_are_no_job(run_dag: RunDag, tmp_path: Path, how: str) -> None:
    run = run_dag(f"ledger_{how}", {"ledger": str(tmp_path / "ledger"), "items": 0})
    assert run.xcom("map") == []
    assert "There are no items, so nothing is sent." in run.log("map")
    assert _ledger(tmp_path / "ledger") == []


def test_a_task_that_fails_keeps_its_data(run_dag: RunDag, tmp_path: Path) -> None:
    """The next try needs it."""
    ledger = tmp_path / "ledger"
    run = run_dag("ledger_sync", {"ledger": str(ledger), "items": 20, "fail_until": 1, "clean_data": True})
    assert run.xcom("map") == [item * item for item in range(20)]
    assert run.task("map")["try_number"] == 2
    lines = _ledger(ledger)
    assert {item: lines.count(item) for item in lines} == {
        str(item): 2 if item % 10 == 3 else KEPT for item in range(20)
    }
