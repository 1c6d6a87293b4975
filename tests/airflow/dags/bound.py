"""How items and arguments become those of functions, where Airflow has a hand in it."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import DAG, task

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator

SOON: dict[str, Any] = {"poll_interval": 0.2}


def double(x: int) -> int:
    """Take one argument."""
    return 2 * x


def listed(x: Any = 5) -> list[Any]:
    """Return the argument in a list: a task's None is no XCom."""
    return [x]


def without_two(x: int) -> int:
    """Skip an item."""
    if x == 2:
        raise AirflowSkipException
    return x


@task
def numbers() -> list[int]:
    """Return the items."""
    return [1, 2, 3]


@task
def nothing() -> None:
    """Return nothing."""


with DAG("bound", schedule=None, default_args=SOON) as dag:
    LithopsCallAsyncOperator(task_id="not_given", func=listed)
    LithopsCallAsyncOperator(task_id="given_none", func=listed, data=None)
    LithopsCallAsyncOperator(task_id="given_output_none", func=listed, data=nothing())
    LithopsMapReduceOperator(task_id="no_items", map_function=double, map_iterdata=[], reduce_function=sum)
    LithopsMapReduceOperator(
        task_id="no_items_deferred", map_function=double, map_iterdata=[], reduce_function=sum, deferrable=True
    )
    LithopsMapOperator(task_id="one_skipped", map_function=double, map_iterdata=numbers().map(without_two))

with DAG("bound_wrongly", schedule=None, default_args=SOON) as dag_wrongly:
    LithopsMapOperator(task_id="items_none", map_function=double, map_iterdata=nothing())
    LithopsMapOperator.partial(task_id="expanded", map_function=double).expand(map_iterdata=numbers())
