"""Airflow's own way: a task instance an item. These return nothing, which spares them an XCom each."""

from __future__ import annotations

from airflow.sdk import DAG, task

for count in (10, 100):
    with DAG(f"benchmark_expand_{count}", schedule=None):

        @task
        def nothing(item: int) -> None:
            """Do nothing."""

        nothing.expand(item=list(range(count)))
