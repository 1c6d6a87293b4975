"""Arguments and items out of what other tasks have returned."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk.definitions.xcom_arg import _MapResult

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.task.upstream import pull_data, pull_items, without_skipped

RETURNED = {"numbers": [1, 2], "word": "one", "nothing": None, "number": 7}


@pytest.fixture
def operator() -> Any:
    """A task that all of the others are upstream of."""
    return SimpleNamespace(task_id="task", get_flat_relative_ids=lambda upstream: {*RETURNED})


@pytest.fixture
def context() -> Any:
    return {"ti": SimpleNamespace(xcom_pull=lambda task_ids: RETURNED[task_ids])}


@pytest.mark.parametrize(
    ("data", "source", "found"),
    [
        ({"x": 1}, None, {"x": 1}),
        ((), {"x": "number"}, {"x": 7}),
        (None, {"x": "number"}, {"x": 7}),
        ({"y": 2}, {"x": "number", "z": "word"}, {"y": 2, "x": 7, "z": "one"}),
    ],
)
def test_arguments_come_beside_those_that_are_given(
    operator: Any, context: Any, data: Any, source: Any, found: Any
) -> None:
    assert pull_data(operator, context, data, source) == found


@pytest.mark.parametrize(
    ("data", "source", "problem"),
    [
        ((), "number", "data_from_task must be a dict {argument: task_id}, got 'number'"),
        ([1], {"x": "number"}, "data must be a dict, too; got list"),
        ({"x": 1}, {"x": "number"}, "both give the argument 'x'"),
        ((), {"x": "elsewhere"}, "data_from_task['x'] names 'elsewhere', which is not upstream of 'task'"),
        ((), {"x": "nothing"}, "the task 'nothing' was skipped, returned None, or pushes no XCom"),
    ],
)
def test_wrong_arguments_are_refused(operator: Any, context: Any, data: Any, source: Any, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        pull_data(operator, context, data, source)


def test_items_come_with_the_argument_that_each_becomes(operator: Any, context: Any) -> None:
    assert pull_items(operator, context, "numbers", paths=False) == ([1, 2], None)
    assert pull_items(operator, context, {"x": "numbers"}, paths=False) == ([1, 2], "x")
    assert pull_items(operator, context, "word", paths=True) == ("one", None)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"x": "numbers", "y": "numbers"}, "takes one {argument: task_id}"),
        (5, "must be a task_id or {argument: task_id}, got 5"),
        ("word", "returned a str, 'one', which is no iterable of items"),
        ("number", "returned 7, of type int, which is no iterable"),
    ],
)
def test_what_gives_no_items_is_refused(operator: Any, context: Any, source: Any, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        pull_items(operator, context, source, paths=False)


def test_items_that_airflows_map_skips_are_left_out() -> None:
    def odd(number: int) -> int:
        if number % 2 == 0:
            raise AirflowSkipException
        return number

    assert without_skipped(_MapResult([1, 2, 3], [odd])) == [1, 3]
    assert without_skipped([1, 2]) == [1, 2]
