"""What functions find in their process, under a real scheduler."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    return {
        "in_functions": airflow.api.trigger("in_functions"),
        "fails_for_good": airflow.api.trigger("fails_for_good", {"ledger": str(folder / "ledger")}),
    }


@pytest.fixture(scope="module")
def run(started: dict[str, DagRun]) -> DagRun:
    return started["in_functions"].wait(check=False)


def test_airflow_can_be_imported(run: DagRun) -> None:
    assert run.xcom("of_airflow") == ["BaseHook x-1", "BaseHook x-2"]


def test_the_environment_has_what_was_asked_for_nothing_of_the_task_and_none_of_airflows_secrets(
    run: DagRun, airflow: AirflowStack
) -> None:
    assert run.xcom("environment") == [None, None, None, None, str(airflow.home), "asked for"]


def test_an_item_that_is_skipped_counts_as_none(run: DagRun) -> None:
    assert run.task("skips")["state"] == "success"
    assert run.xcom("skips") == [None, 2]
    assert "skipped: 1 is odd" in run.log("skips")


def test_an_item_that_fails_for_good_is_not_retried(started: dict[str, DagRun]) -> None:
    run = started["fails_for_good"].wait(check=False)

    assert run.task("fails")["state"] == "failed"
    assert run.task("fails")["try_number"] == 1
    assert "AirflowFailException: 1 is hopeless" in run.log("fails")
    ledger = Path(run.api.get(run.path)["conf"]["ledger"])
    assert sorted(ledger.read_text().split()) == ["0", "1", "2"]


def test_names_of_the_dag_file_can_be_pickled_and_used_in_other_processes(run: DagRun) -> None:
    assert run.xcom("with_processes") == [[4, 8, 1], [8, 12, 2]]
