"""The tables of what each operator takes: a task for each row, its example where there is one."""

from __future__ import annotations

import random
from typing import Any

from airflow.sdk import DAG, task
from seed_functions import add, group, product, read_lines

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator

SOON: dict[str, Any] = {"poll_interval": 0.2}
#: Two objects that the test has put into storage.
OBJECTS = "seed/lines/"


def add_here(x: int, y: int = 1) -> int:
    """Add two numbers, in the DAG file itself."""
    return x + y


@task
def gen_list() -> list[int]:
    """Return what a map runs over."""
    return [1, 2, 3]


with DAG("seed_call", schedule=None, default_args=SOON) as dag:
    first = LithopsCallAsyncOperator(task_id="add_task_1", func=add, data={"x": 1, "y": 3})
    second = LithopsCallAsyncOperator(task_id="add_task_2", func=add, data={"x": 4}, data_from_task={"y": "add_task_1"})
    first >> second

with DAG("seed_map", schedule=None, default_args=SOON) as dag:
    LithopsMapOperator(task_id="example", map_function=add, map_iterdata=[1, 2, 3], extra_params={"y": 1})
    LithopsMapOperator(
        task_id="generator", map_function=add_here, map_iterdata=(item for item in (1, 2, 3)), extra_args=(10,)
    )
    gen_list() >> LithopsMapOperator(
        task_id="from_task", map_function=add, iterdata_from_task={"y": "gen_list"}, extra_args={"x": 5}
    )
    LithopsMapOperator(task_id="chunk_size", map_function=read_lines, map_iterdata=OBJECTS, chunk_size=200)

# What the tasks above and below show, too, or unit tests do: for ``make thorough``.
with DAG("seed_more", schedule=None, default_args=SOON) as dag:
    LithopsCallAsyncOperator(task_id="positional", func=add_here, data=(1, 3))
    gen_list() >> LithopsMapOperator(task_id="form_task", map_function=add_here, iterdata_form_task="gen_list")
    LithopsMapOperator(
        task_id="sending",
        map_function=add_here,
        map_iterdata=[1, 2, 3],
        remote_invocation=True,
        invoke_pool_threads=2,
        batch_size=1,
    )
    LithopsMapOperator(task_id="path", map_function=read_lines, map_iterdata=OBJECTS)
    LithopsMapOperator(task_id="chunk_n", map_function=read_lines, map_iterdata=[OBJECTS], chunk_n=2)

with DAG("seed_map_reduce", schedule=None, default_args=SOON) as dag:
    LithopsMapReduceOperator(
        task_id="example",
        map_function=add,
        map_iterdata=[1, 2, 3],
        extra_params={"y": 1},
        reduce_function=product,
        reducer_wait_local=True,
    )
    LithopsMapReduceOperator(
        task_id="reducer_one_per_object",
        map_function=read_lines,
        map_iterdata=OBJECTS,
        obj_chunk_size=200,
        reduce_function=group,
        reducer_one_per_object=True,
    )
    LithopsMapReduceOperator(
        task_id="obj_reduce_by_key",
        map_function=read_lines,
        map_iterdata=OBJECTS,
        obj_chunk_number=2,
        reduce_function=group,
        obj_reduce_by_key=True,
    )


def add_num(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@task(task_id="gen_num")
def gen_num() -> int:
    """Return a random number."""
    return random.randint(1, 100)


@task(task_id="gen_list")
def gen_numbers() -> list[int]:
    """Return a list of random numbers."""
    return [random.randint(1, 100) for _ in range(5)]


with DAG("seed_workflow", schedule=None, default_args=SOON) as dag:
    gen_num() >> LithopsCallAsyncOperator(
        task_id="add_num", func=add_num, data={"b": 10}, data_from_task={"a": "gen_num"}
    )
    gen_numbers() >> [
        LithopsMapOperator(
            task_id="map_task", map_function=add_num, iterdata_form_task={"a": "gen_list"}, extra_args={"b": 10}
        ),
        LithopsMapReduceOperator(
            task_id="map_reduce_task",
            map_function=add_num,
            iterdata_form_task={"a": "gen_list"},
            extra_args={"b": 10},
            reduce_funtion=product,
        ),
    ]
