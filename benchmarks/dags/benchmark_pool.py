"""The standard library in a @task: a process pool on the worker's own machine."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from airflow.sdk import DAG, task
from peaks import report_peaks


def double(number: int) -> int:
    """Do next to nothing."""
    return 2 * number


with DAG(
    "benchmark_pool",
    schedule=None,
    params={"count": 100, "tuned": False},
    default_args={"on_success_callback": report_peaks},
):

    @task
    def pool(params: dict[str, Any]) -> list[int]:
        """Map, with one message an item as it is by default, or with 4 messages a process."""
        count = params["count"]
        size = -(-count // (4 * (os.cpu_count() or 1))) if params["tuned"] else 1
        with ProcessPoolExecutor() as executor:
            return list(executor.map(double, range(count), chunksize=size))

    pool()
