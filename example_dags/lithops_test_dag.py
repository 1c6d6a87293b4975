"""
The test DAG of the original Lithops plugin: each of the three operators, fed by the task before it.

    gen_num  -> add_num               one call
    gen_list -> map_add               one call an element
    gen_list -> map_reduce_add        one call an element, then one that multiplies what they returned

The functions may be written right here: they travel to where they run, together with what they use.
"""

from __future__ import annotations

import math
import random

from airflow.sdk import DAG, task

from lithops_provider.operators import (
    LithopsCallAsyncOperator,
    LithopsMapOperator,
    LithopsMapReduceOperator,
)


def add_num(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def multiply(results: list[int]) -> int:
    """Multiply all numbers."""
    return math.prod(results)


@task
def gen_num() -> int:
    """Return a random number."""
    return random.randint(1, 100)


@task
def gen_list() -> list[int]:
    """Return a list of random numbers."""
    return [random.randint(1, 100) for _ in range(5)]


with DAG("lithops_test_dag", schedule=None, tags=["lithops", "example"], doc_md=__doc__):
    number = gen_num()
    numbers = gen_list()

    add_one_number = LithopsCallAsyncOperator(
        task_id="add_num",
        func=add_num,
        data={"b": 10},
        data_from_task={"a": "gen_num"},
    )
    add_to_each = LithopsMapOperator(
        task_id="map_add",
        map_function=add_num,
        iterdata_from_task={"a": "gen_list"},
        extra_args={"b": 10},
    )
    add_and_multiply = LithopsMapReduceOperator(
        task_id="map_reduce_add",
        map_function=add_num,
        iterdata_from_task={"a": "gen_list"},
        extra_args={"b": 10},
        reduce_function=multiply,
    )

    number >> add_one_number
    numbers >> [add_to_each, add_and_multiply]
