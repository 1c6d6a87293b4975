"""DAGs without any operator of ours, to test the test's own Airflow."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None)
def smoke() -> None:
    """Return what the run was given."""

    @task
    def echo() -> Any:
        print("hello from the task")
        return (get_current_context()["dag_run"].conf or {}).get("value")

    echo()


@dag(schedule=None)
def smoke_fails() -> None:
    """Fail, and so skip what comes after it."""

    @task
    def divide() -> float:
        print("about to divide")
        return 1 / 0

    @task
    def after(value: float) -> float:
        return value

    after(divide())  # type: ignore[arg-type]  # Airflow's XComArg


@dag(schedule=None)
def smoke_sleeps() -> None:
    """Run until somebody ends it."""

    @task
    def sleep() -> None:
        time.sleep(3600)

    sleep()


smoke()
smoke_fails()
smoke_sleeps()
