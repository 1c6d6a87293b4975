"""How items and arguments become those of functions, in a real Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.airflow.seed import messages
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

DAY = "2024-02-29"
TS = "2024-02-29T06:30:00+00:00"


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    dated = airflow.api.trigger("bound_context", {"color": "red"}, logical_date=f"{DAY}T06:30:00Z")
    return {"bound_context": dated, **{dag_id: airflow.api.trigger(dag_id) for dag_id in ("bound", "bound_wrongly")}}


@pytest.fixture(scope="module")
def run(started: dict[str, DagRun]) -> DagRun:
    return started["bound"].wait()


@pytest.fixture(scope="module")
def failed(started: dict[str, DagRun]) -> DagRun:
    return started["bound_wrongly"].wait(check=False)


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("given_output_none", [None]),
        ("no_items", 0),
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


@pytest.fixture(scope="module")
def in_context(started: dict[str, DagRun]) -> DagRun:
    return started["bound_context"].wait()


def test_functions_get_what_they_ask_for_of_airflows_context(in_context: DagRun) -> None:
    run_id = in_context.run_id

    assert in_context.xcom("by_value") == [[1, DAY, TS, run_id], [2, DAY, TS, run_id]]
    assert in_context.xcom("given") == [[1, "mine", DAY, run_id], [2, DAY, DAY, run_id], [3, "also mine", DAY, run_id]]
    assert in_context.xcom("by_reference") == [[2, DAY, TS, run_id], [4, DAY, TS, run_id]]
    assert in_context.xcom("expanded", map_index=0) == [[2, DAY, TS, run_id]]


def test_reduce_functions_get_it_too_and_tasks_that_were_deferred(in_context: DagRun) -> None:
    assert in_context.xcom("deferred") == [[f"1 {DAY}", f"2 {DAY}"], DAY, in_context.run_id]


def test_all_of_it_is_plain_data(in_context: DagRun) -> None:
    kinds = in_context.xcom("whole")

    expected = {"dag_run": "SimpleNamespace", "params": "dict", "ds": "str", "logical_date": "datetime"}
    assert expected.items() <= kinds.items()
    assert not {"ti", "task", "dag", "conn", "var", "macros", "outlets", "prev_start_date_success"} & set(kinds)
    given = {"factor": 3, "color": "red"}
    assert in_context.xcom("of_run") == [in_context.run_id, {"color": "red"}, given, TS, "datetime"]
