"""What any task costs: one that does nothing, and one that returns a list."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from peaks import report_peaks

with DAG("benchmark_empty", schedule=None, default_args={"on_success_callback": report_peaks}):

    @task
    def nothing() -> None:
        """Do nothing."""

    nothing()

with DAG(
    "benchmark_list",
    schedule=None,
    params={"count": 100},
    default_args={"on_success_callback": report_peaks},
):

    @task
    def numbers(params: dict[str, Any]) -> list[int]:
        """Return as many numbers as a map over that many items."""
        return [2 * number for number in range(params["count"])]

    numbers()
