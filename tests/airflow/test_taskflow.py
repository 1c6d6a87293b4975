"""Decorated functions in a real Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.airflow.conftest import RunDag
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    return {dag_id: airflow.api.trigger(dag_id) for dag_id in ("taskflow", "taskflow_wrong")}


@pytest.fixture(scope="module")
def run(started: dict[str, DagRun]) -> DagRun:
    return started["taskflow"].wait()


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("add", [[10, 20], {"deep": [3, [[1, 2, 3], {"er": 3}]]}, "hello", 114, ["z", {"value": 4, "square": 16}]]),
        ("scale", [3, 6, 9]),
        ("scale_mapped", [100, 200]),
        ("multiply", [2, 12]),
        ("tell", [[x, n, "hello", {"n": 3, "all": [1, 2, 3]}] for n, x in enumerate(["a", "hello", 3])]),
        ("square", {"total": 114, "count": 3}),
        # objects
        ("length", 9),
        ("count_lines", 9),
    ],
)
def test_it_returns(run: DagRun, task_id: str, expected: Any) -> None:
    assert plain(run.xcom(task_id)) == expected


def plain(value: Any) -> Any:
    """Without the marks that XCom puts on tuples."""
    if isinstance(value, dict) and value.get("__classname__") == "builtins.tuple":
        return plain(value["__data__"])
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("add__1", [[1, 3], [2, 3]]),
        ("add_kwargs", [[1, 0, ["z", 2]]]),
        ("scale_rows", [[3, 6, 9], []]),
    ],
)
def test_it_expands(run: DagRun, task_id: str, expected: list[Any]) -> None:
    assert [plain(run.xcom(task_id, map_index=index)) for index in range(len(expected))] == expected


def test_the_task_has_the_decorators_name(run: DagRun) -> None:
    names = {task_id: run.task(task_id)["operator_name"] for task_id in ("add", "scale", "square")}
    assert names == {"add": "@task.lithops", "scale": "@task.lithops_map", "square": "@task.lithops_map_reduce"}


def test_what_is_wrong_at_run_time_fails_without_a_retry(started: dict[str, DagRun]) -> None:
    run = started["taskflow_wrong"].wait(check=False)
    task = run.task("not_iterable")
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert "map_iterdata must be an iterable, got int: 3" in run.log("not_iterable")


@pytest.mark.thorough
def test_it_returns_the_same_in_other_ways(run_dag: RunDag) -> None:
    run = run_dag("taskflow_more")
    expected = {
        "add": [1, 2, 3, ["z", 4]],
        "add_output": [5, 0],
        "scale_generator": [0, 10, 20],
        "scale_range": [0, 2, 4, 6, 8],
        "scale_list_of_xcoms": [30, 30, 50],
        "scale_nothing": [],
        "multiply": [2, 12],
        "typed": [40],
        "square_deferred": {"total": 20, "count": 2},
        "typed_reduce": 9,
        "count_lines": 6,
    }
    assert {task_id: plain(run.xcom(task_id)) for task_id in expected} == expected
    assert [run.xcom("scale_by_factor", map_index=index) for index in range(2)] == [[1, 2, 3], [2, 4, 6]]
    assert run.xcom("not_waited_for")["lithops_job"] == 1
