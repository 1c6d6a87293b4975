"""What executed.py and anywhere.py share: callbacks that write down that they were called, and two tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.sdk import task


def note(context: Any, what: str) -> None:
    """Writes down that something has happened: makes a file of that name in the folder that the run was given."""
    Path(context["dag_run"].conf["notes"], what).touch()


def called_for_task(what: str) -> Callable[[Any], None]:
    """Returns a callback of a task."""
    return lambda context: note(context, f"{what} {context['ti'].task_id} {context['ti'].try_number}")


def called_for_run(what: str) -> Callable[[Any], None]:
    """Returns a callback of a DAG."""
    return lambda context: note(context, f"{what} {context['dag_run'].dag_id}")


@task
def square(number: int) -> int:
    return number * number


@task
def total(squares: Any) -> int:
    return sum(squares)
