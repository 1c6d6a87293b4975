"""`cache`: what operators make of it, and what they say of it."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator
from tests.operators.rows import remainders, row, sum_and_count, total
from tests.task.instances import Instance


def run(operator: LithopsMapOperator) -> tuple[Any, dict[str, Any]]:
    """Returns the operator's result, and its summary."""
    instance = Instance()
    result = operator.execute({"ti": instance})  # type: ignore[typeddict-item]
    return result, json.loads(instance.pushed["lithops_summary"])


def test_a_second_task_takes_the_results_of_the_first_and_the_summary_says_so() -> None:
    settings: dict[str, Any] = {"map_function": row, "cache": True, "cache_version": uuid.uuid4().hex}
    first = LithopsMapOperator(task_id="t", map_iterdata=[0, 1], clean_data=True, **settings)
    run(first)
    second = LithopsMapReduceOperator(task_id="u", map_iterdata=[1, 5, 0], reduce_function=total, **settings)

    result, summary = run(second)

    assert result == {"rows": 3, "sum": 6}
    assert (summary["map"]["cached"], summary["map"]["items"]) == (2, 3)
    assert "retried" not in summary["map"]
    assert "cached" not in summary["reduce"]


def test_the_pairs_of_a_reduce_by_key_are_cached_too() -> None:
    settings: dict[str, Any] = {
        "map_function": remainders,
        "reduce_function": sum_and_count,
        "reduce_by_key": True,
        "reducers": 1,
        "cache": True,
        "cache_version": uuid.uuid4().hex,
    }
    run(LithopsMapReduceOperator(task_id="t", map_iterdata=[1, 2], clean_data=True, **settings))

    result, summary = run(LithopsMapReduceOperator(task_id="u", map_iterdata=[1, 2, 3], **settings))

    assert summary["map"]["cached"] == 2
    assert result == [
        ["by three: 0", {"sum": 3, "count": 1}],
        ["by three: 1", {"sum": 1, "count": 1}],
        ["by three: 2", {"sum": 2, "count": 1}],
        ["by two: 0", {"sum": 2, "count": 1}],
        ["by two: 1", {"sum": 4, "count": 2}],
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cache_expiration": 7}, "cache_expiration must be a timedelta, such as timedelta"),
        ({"cache_expiration": timedelta(0)}, "cache_expiration must be longer than nothing, got 0 s"),
        ({"cache": "perhaps"}, "cache must be True or False, got 'perhaps'"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(given: dict[str, Any], message: str) -> None:
    parameters: dict[str, Any] = {"map_function": row, "reduce_function": total, "map_iterdata": [1], "cache": True}
    task = LithopsMapReduceOperator(task_id="t", **{**parameters, **given})

    with pytest.raises(AirflowFailException, match=message):
        task.execute({"ti": Instance()})  # type: ignore[typeddict-item]
