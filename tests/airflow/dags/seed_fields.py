"""Templated fields, mapped tasks and big inputs."""

from __future__ import annotations

import os
import sys

from airflow.sdk import DAG, task

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator

BIG = 100_000


def add_here(x: int, y: int = 1) -> int:
    """Add two numbers, or their texts."""
    return int(x) + int(y)


def report(x: int, y: str) -> list[str | int | None]:
    """Return what came of the templates."""
    return [x, y, os.environ.get("SEED_RUN"), sys.executable]


def total(results: list[int], more: str = "0") -> int:
    """Add up."""
    return sum(results) + int(more)


def nothing(x: int) -> None:
    """Return nothing."""


@task
def gen_list() -> list[int]:
    """Return a list."""
    return [1, 2, 3]


with DAG("seed_fields", schedule=None, default_args={"poll_interval": 0.2}) as dag:
    numbers = gen_list()
    LithopsMapOperator(
        task_id="map",
        map_function=report,
        map_iterdata=numbers,
        extra_args={"y": "{{ dag_run.conf['extra'] }}"},
        extra_env={"SEED_RUN": "{{ run_id }}"},
        lithops_config={"lithops": {"execution_timeout": "{{ 60 + 7 }}"}},
        lithops_conn_id="{{ 'lithops' }}_default",
        async_invoke="{{ 1 > 2 }}",
        get_result="{{ 1 < 2 }}",
        clean_data="{{ 1 > 2 }}",
        backend="{{ 'localhost' }}",
        storage="{{ 'localhost' }}",
        runtime=f"{sys.executable}{{{{ 1 + 2 }}}}",
        workers="{{ 1 + 1 }}",
        runtime_memory="{{ 256 * 2 }}",
        timeout="{{ 3 * 1000 }}",
        batch_size="{{ 1 + 1 }}",
        max_concurrency="{{ 2 }}",
        min_success_ratio="{{ 0.5 }}",
        item_retries="{{ 0 }}",
        job_timeout="{{ 3600 }}",
    )
    map_reduce = LithopsMapReduceOperator(
        task_id="map_reduce",
        map_function=add_here,
        iterdata_from_task="{{ 'gen_list' }}",
        reduce_function=total,
        extra_args_reduce=["{{ 50 * 2 }}"],
        map_runtime_memory="{{ 256 * 2 }}",
        reduce_runtime_memory="{{ 1024 }}",
    )
    numbers >> map_reduce
    LithopsCallAsyncOperator(
        task_id="call",
        func=add_here,
        data={"x": map_reduce.output, "y": "{{ 1 + 1 }}"},
    )
    LithopsMapOperator.partial(task_id="mapped_map", map_function=add_here, extra_args={"y": 10}).expand(
        map_iterdata=[[1, 2]]
    )
    mapped_call = LithopsCallAsyncOperator.partial(task_id="mapped_call", func=add_here).expand(
        data=[{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    )
    mapped_call >> LithopsMapOperator(task_id="from_mapped", map_function=add_here, iterdata_from_task="mapped_call")
    LithopsMapOperator(task_id="mapped_output", map_function=add_here, map_iterdata=mapped_call.output)

with DAG("seed_big", schedule=None, default_args={"poll_interval": 0.2}) as dag:
    LithopsMapOperator(task_id="range", map_function=nothing, map_iterdata=range(BIG), get_result=False)
    LithopsCallAsyncOperator(task_id="list", func=total, data={"results": list(range(BIG))})
