"""A single call: what it is called with, and what it returns."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.operators import LithopsCallAsyncOperator
from tests.jobs.by_key_here import store_job
from tests.jobs.conftest import client
from tests.task.instances import Instance

__all__ = ["client"]  # a fixture


def join(first: Any, second: Any = None) -> list[Any]:
    return [first, second]


def bound(data: Any) -> Any:
    """Returns the arguments of the call."""
    client: Any = None
    task = LithopsCallAsyncOperator(task_id="t", func=join, data=data)
    _, items = task._bind({"ti": Instance()}, client, "call", client)  # type: ignore[typeddict-item]
    ((args, kwargs, *_),) = items
    return args, kwargs


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        ({"first": 1, "second": 2}, ((), {"first": 1, "second": 2})),
        ([1, 2], ((1, 2), {})),
        ((1,), ((1,), {})),
        ("text", (("text",), {})),
        (None, ((None,), {})),
    ],
)
def test_a_dict_gives_keywords_a_list_positional_arguments_and_all_else_is_the_only_one(
    data: Any, arguments: Any
) -> None:
    assert bound(data) == arguments


def test_without_data_the_function_has_its_defaults() -> None:
    task = LithopsCallAsyncOperator(task_id="t", func=lambda x=5: [x], poll_interval=0.05)

    assert task.execute({"ti": Instance()}) == [5]  # type: ignore[typeddict-item]


def test_it_returns_the_result() -> None:
    task = LithopsCallAsyncOperator(task_id="t", func=pow, data=[2, 3], poll_interval=0.05)

    assert task.execute({"ti": Instance()}) == 8  # type: ignore[typeddict-item]


def test_a_jobs_value_is_the_only_argument_and_stands_for_its_results(client: LithopsClient) -> None:
    """It is a dict, but not one of keyword arguments."""
    job = store_job(client, [1, 2, 3]).to_dict()
    task = LithopsCallAsyncOperator(task_id="t", func=sum, data=job, poll_interval=0.05)

    assert task.execute({"ti": Instance()}) == 6  # type: ignore[typeddict-item]


@pytest.mark.parametrize("name", ["cache", "cache_version", "cache_expiration", "results_to"])
def test_what_only_maps_have_is_refused(name: str) -> None:
    """A call of which the result is to be cached is a map of one item."""
    with pytest.raises(TypeError, match=rf"(?s)Invalid arguments were passed to LithopsCallAsyncOperator.*'{name}': 1"):
        LithopsCallAsyncOperator(task_id="t", func=join, **{name: 1})


def test_an_object_as_argument_is_what_it_reads() -> None:
    def size(obj: Any) -> int:
        return len(obj)

    assert LithopsCallAsyncOperator(task_id="t", func=size, data=["bucket/a"])._lineage_inputs() == (["bucket/a"], [])
    assert LithopsCallAsyncOperator(task_id="t", func=join, data=["bucket/a"])._lineage_inputs() == ([], [])
