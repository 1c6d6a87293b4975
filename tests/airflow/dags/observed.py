"""Jobs that others are told of: of a task that waits, one that defers, and one that is stopped."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import DAG, Asset

from lithops_provider.operators import LithopsMapOperator


def count_lines(obj: Any, storage: Any) -> int:
    """Count the lines of an object, and store the number beside it."""
    number = len(obj.data_stream.read().splitlines())
    storage.put_object("seed", f"counts/{obj.key}", str(number))
    return number


def wait(x: int) -> int:
    """Return 0 at once, and others not within this life."""
    time.sleep(3600 * x)
    return x


with DAG("observed", schedule=None):
    for name, deferrable in (("waiting", False), ("deferring", True)):
        LithopsMapOperator(
            task_id=name,
            map_function=count_lines,
            map_iterdata=["seed/lines/a.txt", "seed/lines/b.txt"],
            outlets=[Asset(f"file:///observed/{name}")],
            get_result=False,
            deferrable=deferrable,
            poll_interval=0.2,
        )
    LithopsMapOperator(
        task_id="stopped", map_function=wait, map_iterdata=[0, 1, 2], batch_size=1, job_timeout=6, poll_interval=0.2
    )
