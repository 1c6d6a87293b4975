"""Which tasks give each value of the dict that their function returns an XCom of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import pytest
from airflow.sdk import DAG

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task


@pytest.fixture(autouse=True)
def dag() -> Iterator[DAG]:
    with DAG("outputs", schedule=None) as dag:
        yield dag


def scale(x: int, factor: int = 2) -> int:
    return x * factor


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda f: lithops_task(f)(1), True),
        (lambda f: lithops_task(multiple_outputs=False)(f)(1), False),
        (lambda f: lithops_task(get_result=False)(f)(1), False),
        (lambda f: lithops_task(f).override(async_invoke=True)(1), False),
        (lambda f: lithops_task(f).override(multiple_outputs=False)(1), False),
        (lambda f: lithops_task(scale).override(multiple_outputs=True)(1), True),
        (lambda f: lithops_task(scale)(1), False),
        (lambda f: lithops_map(f)([1]), False),
        (lambda f: lithops_map_reduce(reduce_function=f)(scale)([1]), True),
        (lambda f: lithops_map_reduce(reduce_function=sum)(f)([1]), False),
        (lambda f: lithops_map_reduce(reduce_function=f, get_result=False)(scale)([1]), False),
        (lambda f: lithops_map_reduce(reduce_function=f, multiple_outputs=False)(scale)([1]), False),
    ],
)
def test_multiple_outputs_are_for_what_returns_a_dict(make: Callable[[Any], Any], expected: bool) -> None:
    def as_dict(x: Any) -> dict[str, int]:
        return {}

    assert make(as_dict).operator.multiple_outputs is expected


@pytest.mark.parametrize("decorate", [lithops_task, lambda f: lithops_map_reduce(reduce_function=f)(scale)])
@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (dict, True),
        (dict[str, int], True),
        (dict[Any, int], True),
        (Mapping[Literal["a", "b"], int], True),
        (Counter[str], True),
        (dict[int, int], False),
        (dict[str | int, int], False),
        (dict[tuple[str, str], int], False),
        (Mapping[Literal["a", 1], int], False),
        (list[str], False),
        (None, False),
        ("dict[int, int]", False),
        ("Unknown", False),
    ],
)
def test_a_dict_whose_keys_are_no_texts_is_one_output(
    decorate: Callable[[Any], Any], annotation: Any, expected: bool
) -> None:
    """An XCom's name is a text: Airflow would fail the task once all its results are there."""

    def returns(x: Any) -> Any:
        return None

    returns.__annotations__["return"] = annotation

    assert decorate(returns)([1]).operator.multiple_outputs is expected
