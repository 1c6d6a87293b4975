"""How items and arguments become those of functions, in a real Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.airflow.seed import messages
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    return {dag_id: airflow.api.trigger(dag_id) for dag_id in ("bound", "bound_wrongly")}


@pytest.fixture(scope="module")
def run(started: dict[str, DagRun]) -> DagRun:
    return started["bound"].wait()


@pytest.fixture(scope="module")
def failed(started: dict[str, DagRun]) -> DagRun:
    return started["bound_wrongly"].wait(check=False)


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("not_given", [5]),
        ("given_none", [None]),
        ("given_output_none", [None]),
        ("no_items", 0),
        ("no_items_deferred", 0),
        ("one_skipped", [2, 6]),
    ],
)
def test_what_functions_get(run: DagRun, task_id: str, expected: Any) -> None:
    assert run.xcom(task_id) == expected


def test_items_that_are_none_are_an_error_that_says_whose(failed: DagRun) -> None:
    (error, *_) = messages(failed.log("items_none"), "AirflowFailException", "InvalidInputError")

    assert "map_iterdata is None: the task whose output it is was skipped, returned None" in error


def test_a_map_that_is_expanded_over_its_items_says_what_to_write(failed: DagRun) -> None:
    (error, *_) = messages(failed.log("expanded", map_index=0), "AirflowFailException", "InvalidInputError")

    assert "got int: 1. expand() gave this task one of the values" in error
