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


def listed(x: Any) -> list[Any]:
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
    LithopsCallAsyncOperator(task_id="given_output_none", func=listed, data=nothing())
    LithopsMapReduceOperator(
        task_id="no_items", map_function=double, map_iterdata=[], reduce_function=sum, deferrable=True
    )
    LithopsMapOperator(task_id="one_skipped", map_function=double, map_iterdata=numbers().map(without_two))

with DAG("bound_wrongly", schedule=None, default_args=SOON) as dag_wrongly:
    LithopsMapOperator(task_id="items_none", map_function=double, map_iterdata=nothing())
    LithopsMapOperator.partial(task_id="expanded", map_function=double).expand(map_iterdata=[1])


@task.lithops_map
def on_day(x: int, ds: str, ts: Any = None, *, run_id: str) -> list[Any]:
    """Ask for variables of Airflow's context."""
    return [x, ds, ts, run_id]


@task.lithops
def whole(**context: Any) -> dict[str, str]:
    """Return the types of all that arrives."""
    return {name: type(value).__name__ for name, value in context.items()}


@task.lithops
def of_run(dag_run: Any, params: Any, logical_date: Any) -> list[Any]:
    """Look at the run."""
    return [dag_run.run_id, dag_run.conf, params, logical_date.isoformat(), type(logical_date).__module__]


def gathered(results: list[Any], ds: str, **context: Any) -> list[Any]:
    """Ask for variables in a reduce."""
    return [results, ds, context["run_id"]]


@task.lithops_map_reduce(reduce_function=gathered)
def mapped(x: int, ds: str = None) -> str:  # type: ignore[assignment] # noqa: RUF013 - as people write it
    """Ask for one in the map, too."""
    return f"{x} {ds}"


with DAG("bound_context", schedule=None, default_args=SOON, params={"factor": 3}) as dag_context:
    on_day.override(task_id="by_value")([1, 2])
    on_day.override(task_id="given")([{"x": 1, "ds": "mine"}, {"x": 2}, (3, "also mine")], ts="{{ ds }}")
    on_day.override(task_id="by_reference")(
        LithopsMapOperator(task_id="left", map_function=double, map_iterdata=[1, 2], get_result=False).output
    )
    on_day.override(task_id="expanded").expand(x=[[2]])
    mapped.override(task_id="deferred", deferrable=True)([1, 2])
    whole()
    of_run()
