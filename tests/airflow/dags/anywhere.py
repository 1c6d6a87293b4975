"""What tasks may do, without a word about their executor: it has to end in the same way with each."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from typing import Any

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import BaseSensorOperator, dag, get_current_context, task
from noted import called_for_run, called_for_task, note, square, total

from lithops_provider.decorators import lithops_map
from lithops_provider.operators import LithopsMapOperator


def double(number: int) -> int:
    return number * 2


class ThirdLook(BaseSensorOperator):
    """Is content when it is asked for the third time."""

    def poke(self, context: Any) -> bool:
        return (context.get("task_reschedule_count") or 0) > 1


@dag(schedule=None)
def anywhere() -> None:
    """Mapped tasks, sensors, deferral, branches, and operators of this package."""

    @task.branch
    def branch() -> str:
        return "taken"

    @task
    def taken() -> None:
        pass

    @task
    def not_taken() -> None:
        pass

    @lithops_map
    def cube(number: int) -> int:
        return number**3

    total(square.expand(number=list(range(8))))
    TimeDeltaSensor(task_id="deferred", delta=timedelta(seconds=2), deferrable=True)
    ThirdLook(task_id="rescheduled", mode="reschedule", poke_interval=1)
    LithopsMapOperator(task_id="doubled", map_function=double, map_iterdata=[1, 2], deferrable=True)
    cube([1, 2, 3])
    branch() >> [taken(), not_taken()]


@dag(schedule=None, on_failure_callback=called_for_run("run failed"), default_args={"retry_delay": timedelta(0)})
def anywhere_badly() -> None:
    """Tasks that fail, take too long, or die, and what is called then."""

    @task(retries=1, on_retry_callback=called_for_task("retried"), on_failure_callback=called_for_task("failed"))
    def raises() -> None:
        raise ValueError("always")

    @task(execution_timeout=timedelta(seconds=2), on_failure_callback=called_for_task("failed"))
    def late() -> None:
        try:
            time.sleep(600)
        finally:
            note(get_current_context(), "late was stopped")

    @task(retries=1)
    def kills_itself() -> None:
        if get_current_context()["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    raises()
    late()
    kills_itself()


@dag(schedule=None)
def anywhere_held() -> None:
    """A task that is stopped from outside."""

    @task
    def hold() -> None:
        context = get_current_context()
        note(context, f"held {context['ti'].try_number} {os.getpid()}")
        while context["ti"].try_number == 1:
            time.sleep(0.1)

    hold()


anywhere()
anywhere_badly()
anywhere_held()
