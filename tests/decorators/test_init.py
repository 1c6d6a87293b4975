"""``@task.lithops_map_reduce(reduce_by_key=True)``, as far as it is checked when a DAG is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from airflow.sdk import DAG

from lithops_provider.decorators import lithops_map_reduce
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
