"""Jobs whose items write down that they ran, to tell how often each did. Everything comes from the run's conf."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator


def note(item: int, ledger: str, seconds: float, fail_until: int = 0, held: int | None = None) -> int:
    """Write down the item, take a while, wait to be let go if held, and fail the first times if that is wanted."""
    with open(ledger, "a") as file:
        file.write(f"{item}\n")
    time.sleep(seconds)
    while held is not None and item >= held and not os.path.exists(f"{ledger}.go"):
        time.sleep(0.05)
    if fail_until:
        with open(ledger) as file:
            times = file.read().split().count(str(item))
        if item % 10 == 3 and times <= fail_until:
            raise ValueError(f"item {item} fails for the {times}th time")
    return item * item


def total(results: list[int], ledger: str) -> int:
    """Add up the results, and write that down."""
    with open(ledger, "a") as file:
        file.write(f"reduce-{os.getpid()}\n")
    return sum(results)


def call(ledger: str, seconds: float) -> int:
    """Write down one call."""
    return note(7, ledger, seconds)


ITEMS = "{{ range(dag_run.conf.get('items', 20)) | list }}"
ARGS = {
    "ledger": "{{ dag_run.conf['ledger'] }}",
    "seconds": "{{ dag_run.conf.get('seconds', 0.01) }}",
    "fail_until": "{{ dag_run.conf.get('fail_until', 0) }}",
    "held": "{{ dag_run.conf.get('held') }}",
}
CONF: dict[str, Any] = {
    "clean_data": "{{ dag_run.conf.get('clean_data', False) }}",
    "item_retries": "{{ dag_run.conf.get('item_retries', 0) }}",
    "min_success_ratio": "{{ dag_run.conf.get('min_success_ratio', 1.0) }}",
    "job_timeout": "{{ dag_run.conf.get('job_timeout') }}",
    "timeout": "{{ dag_run.conf.get('timeout') }}",
    "batch_size": "{{ dag_run.conf.get('batch_size', 'auto') }}",
    "poll_interval": 0.2,
}


class ShortDeferral(LithopsMapOperator):
    """Airflow gives up on its trigger after seconds, not a minute after the trigger itself would have, in an hour."""

    def execute(self, context: Any) -> Any:
        """Send and defer."""
        from lithops_provider.task import run as task_run

        task_run._TIMEOUT_SLACK = 20.0 - 3600.0
        return super().execute(context)


with DAG("ledger_short_deferral", schedule=None, render_template_as_native_obj=True):
    ShortDeferral(
        task_id="map",
        map_function=note,
        map_iterdata=ITEMS,
        extra_args=ARGS,
        deferrable=True,
        **{**CONF, "job_timeout": 3600},
    )

for name, deferrable in (("sync", False), ("deferred", True)):
    with DAG(
        f"ledger_{name}",
        schedule=None,
        render_template_as_native_obj=True,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=0)},
        max_active_runs=64,
        max_active_tasks=64,
    ) as dag:
        LithopsMapOperator(
            task_id="map", map_function=note, map_iterdata=ITEMS, extra_args=ARGS, deferrable=deferrable, **CONF
        )

    with DAG(f"ledger_reduce_{name}", schedule=None, render_template_as_native_obj=True):
        LithopsMapReduceOperator(
            task_id="map_reduce",
            map_function=note,
            map_iterdata=ITEMS,
            extra_args=ARGS,
            reduce_function=total,
            extra_args_reduce={"ledger": ARGS["ledger"]},
            deferrable=deferrable,
            **CONF,
        )

    for dag_id, execution_timeout in (("ledger_call", None), ("ledger_timed_call", timedelta(seconds=15))):
        with DAG(f"{dag_id}_{name}", schedule=None, render_template_as_native_obj=True):
            LithopsCallAsyncOperator(
                task_id="call",
                func=call,
                data={"ledger": ARGS["ledger"], "seconds": ARGS["seconds"]},
                deferrable=deferrable,
                poll_interval=0.2,
                execution_timeout=execution_timeout,
            )
