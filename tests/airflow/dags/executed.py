"""Tasks that the LithopsExecutor runs."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseSensorOperator, dag, get_current_context, task
from noted import called_for_run, called_for_task, note, square, total

from lithops_provider.decorators import lithops_map

EXECUTOR = {"executor": "LithopsExecutor"}


class SecondLook(BaseSensorOperator):
    """Is content when it is asked for the second time, in another process."""

    def poke(self, context: Any) -> bool:
        looks = context["ti"].xcom_pull(key="looks", task_ids="numbers")
        return bool(looks) and context["task_reschedule_count"] > 0


@dag(schedule=None, default_args=EXECUTOR, on_success_callback=called_for_run("success"))
def executed() -> None:
    """What tasks do: return something, are mapped, wait for others, fail and are retried."""

    @task
    def numbers() -> list[int]:
        print("hello from a function")
        get_current_context()["ti"].xcom_push("looks", 1)
        return [1, 2, 3]

    @task(
        retries=1,
        retry_delay=timedelta(0),
        on_retry_callback=called_for_task("retry"),
        on_success_callback=called_for_task("success"),
    )
    def second_try() -> int:
        tries = int(get_current_context()["ti"].try_number)
        if tries == 1:
            raise ValueError("the first try fails")
        return tries

    @task(retries=1, retry_delay=timedelta(0))
    def killed_once() -> int:
        tries = int(get_current_context()["ti"].try_number)
        if tries == 1:
            os.kill(os.getpid(), 9)
        return tries

    @task(executor_config={"environment": {"OF_THE_TASK": "yes"}})
    def environment() -> str:
        return os.environ["OF_THE_TASK"]

    @lithops_map
    def cube(number: int) -> int:
        return number**3

    first = numbers()
    total(square.expand(number=first))
    first >> SecondLook(task_id="sensed", mode="reschedule", poke_interval=1)
    second_try()
    killed_once()
    environment()
    cube([1, 2, 3])


@dag(schedule=None, default_args=EXECUTOR, on_failure_callback=called_for_run("failure"))
def executed_badly() -> None:
    """What goes wrong without a task's doing."""

    @task(on_failure_callback=called_for_task("failure"))
    def raises() -> None:
        raise ValueError("always")

    @task(on_failure_callback=called_for_task("failure"))
    def killed() -> None:
        supervisor = os.getppid()
        os.kill(supervisor, 9)
        while os.getppid() == supervisor:
            time.sleep(0.01)
        time.sleep(0.5)
        note(get_current_context(), "survived")

    @task(executor_config={"pod_override": "x"})
    def misled() -> None:
        pass

    raises()
    killed()
    misled()


@dag(schedule=None, default_args=EXECUTOR)
def executed_held() -> None:
    """Tasks that write down that they run, and then wait."""

    @task
    def hold(number: int) -> int:
        ledger = get_current_context()["dag_run"].conf["ledger"]
        with open(ledger, "a") as file:
            file.write(f"{number}\n")
        while not Path(f"{ledger}.go").exists():
            time.sleep(0.05)
        return number

    hold.expand(number=[1, 2, 3])


executed()
executed_badly()
executed_held()
