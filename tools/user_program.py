"""A user's typed DAG file, which `make typing` checks from outside, against the package as it is installed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task
from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs import LithopsJob
from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
from lithops_provider.sensors import LithopsJobSensor


def add(x: int, y: int) -> int:
    """Return the sum."""
    return x + y


@lithops_task(runtime_memory=512)
def total(numbers: list[int]) -> int:
    """Return the sum of all."""
    return sum(numbers)


@lithops_map(min_success_ratio=0.9, item_retries=2)
def square(x: int, power: int = 2) -> int:
    """Return a power of an item."""
    return int(x**power)


@lithops_map_reduce(reduce_function=sum)
def half(x: int) -> float:
    """Return the half of an item."""
    return x / 2


with DAG("typed", schedule=None) as dag:
    LithopsCallAsyncOperator(task_id="call", func=add, data={"x": 1, "y": 3}, deferrable=True)
    LithopsMapOperator(
        task_id="map",
        map_function=add,
        map_iterdata=range(10),
        extra_args={"y": 1},
        batch_size="auto",
        execution_timeout=timedelta(minutes=5),
    )
    LithopsMapReduceOperator(task_id="reduce", map_function=add, map_iterdata=[(1, 2)], reduce_function=sum)
    LithopsJobSensor(task_id="wait", job="{{ ti.xcom_pull('call') }}")
    total(square([1, 2, 3]))
    half([1, 2, 3])
    total(1)  # type: ignore[arg-type]  # a mistake is seen, and a comment without a mistake would be one, too


def cleaned(value: dict[str, Any]) -> tuple[int, int]:
    """Return how many objects a job had, and how many items."""
    hook = LithopsHook("lithops_default", lithops_config={"lithops": {"backend": "localhost"}})
    return hook.clean_job(value), LithopsJob.from_dict(value).items
