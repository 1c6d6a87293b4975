"""What any task costs: one that does nothing."""

from __future__ import annotations

from airflow.sdk import DAG, task
from peaks import report_peaks

with DAG("benchmark_empty", schedule=None, default_args={"on_success_callback": report_peaks}):

    @task
    def nothing() -> None:
        """Do nothing."""

    nothing()
