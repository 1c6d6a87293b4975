"""``@task.lithops_map_reduce(reduce_by_key=True)``, as far as it is checked when a DAG is parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import pytest
from airflow.sdk import DAG

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task
from lithops_provider.jobs.errors import InvalidInputError


def letters(word: str) -> Iterator[tuple[str, int]]:
    for letter in word:
        yield letter, 1


def add(letter: str, counts: Iterable[int]) -> int:
    return sum(counts)


def test_the_map_may_be_a_generator_function() -> None:
    with DAG("by_key", schedule=None) as dag:
        lithops_map_reduce(reduce_function=add, reduce_by_key=True, combine_function=add)(letters)(["ab"])

    assert dag.get_task("letters").multiple_outputs is False  # though a reduce function may say that it returns a dict


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"reduce_function": sum}, "letters is a generator function"),
        ({"reduce_function": len, "reduce_by_key": True}, "a key and its values does not fit len"),
        (
            {"reduce_function": add, "reduce_by_key": True, "combine_function": len},
            "a key and the list of its values does not fit len",
        ),
        ({"reduce_function": len, "combine_function": add}, "combine_function is for a reduce by key"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_dag_is_parsed(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        lithops_map_reduce(**parameters)(letters)


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
