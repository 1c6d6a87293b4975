"""Jobs that go on after their task, and what waits for them; many tasks at once."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, task

from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.errors import Failure
from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator
from lithops_provider.sensors import LithopsJobSensor


def slow_square(x: int) -> int:
    """Take a while."""
    time.sleep(0.2)
    return x * x


def fails_at_three(x: int) -> int:
    """Fail for one item."""
    if x == 3:
        raise ValueError("three")
    return x


with DAG("by_value", schedule=None):
    sent = LithopsMapOperator(task_id="sent", map_function=slow_square, map_iterdata=range(20), async_invoke=True)
    # Airflow's scheduler fails a task that is queued anew before it has heard of the end of the process before, as a
    # task in mode "reschedule" may be on a busy machine: that one may try again.
    sent >> LithopsJobSensor(
        task_id="wait_reschedule",
        job=sent.output,
        mode="reschedule",
        poke_interval=2,
        timeout=3600,
        get_result=True,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
    LithopsMapOperator(
        task_id="as_files",
        map_function=slow_square,
        map_iterdata=range(20),
        results_to="storage/{{ dag.dag_id }}/{{ run_id }}/",
        deferrable=True,
        outlets=[Asset("squares")],
    )
    sent >> LithopsJobSensor(
        task_id="wait_deferred", job=sent.output, deferrable=True, poll_interval=0.2, timeout=3600, get_result=True
    )

    @task
    def by_hook(job: dict[str, Any]) -> list[int]:
        """Do with the value what can be done."""
        hook = LithopsHook()
        hook.wait_for_job(job, poll_interval=0.1, timeout=3600)
        return hook.gather_job(job)

    by_hook(sent.output)

    @task
    def as_they_come(job: dict[str, Any]) -> list[Any]:
        """Take the results one by one, with the text of a failure in the place of one."""
        came = dict(LithopsHook().iter_results(job, throw_except=False, poll_interval=0.1, timeout=3600))
        return [
            f"{found.type}: {found.message}" if isinstance(found, Failure) else found
            for _, found in sorted(came.items())
        ]

    LithopsMapOperator(task_id="kept", map_function=slow_square, map_iterdata=[1, 2, 3], get_result=False)
    LithopsMapReduceOperator(
        task_id="sent_reduce", map_function=slow_square, map_iterdata=[1, 2], reduce_function=sum, async_invoke=True
    )

    failing = LithopsMapOperator(
        task_id="failing", map_function=fails_at_three, map_iterdata=range(5), async_invoke=True
    )
    as_they_come(failing.output)
    failing >> LithopsJobSensor(task_id="wait_failing", job=failing.output, poke_interval=1, timeout=3600)
    failing >> LithopsJobSensor(
        task_id="wait_tolerant",
        job=failing.output,
        poke_interval=1,
        timeout=3600,
        get_result=True,
        min_success_ratio=0.5,
    )

with DAG("many_at_once", schedule=None, max_active_tasks=64):
    for number in range(4):
        LithopsMapOperator(
            task_id=f"map_{number}",
            map_function=slow_square,
            map_iterdata=[number, number + 1, number + 2],
            poll_interval=0.5,
        )
