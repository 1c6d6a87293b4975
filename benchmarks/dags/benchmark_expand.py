"""
Airflow's own way: a task instance an item. These return nothing, which spares them an XCom each. The scheduler's own
processes run them, or the LithopsExecutor.
"""

from __future__ import annotations

from airflow.sdk import DAG, task

for name, count, executor in (
    ("expand_10", 10, "LocalExecutor"),
    ("expand_100", 100, "LocalExecutor"),
    ("executed_100", 100, "LithopsExecutor"),
):
    with DAG(f"benchmark_{name}", schedule=None, default_args={"executor": executor}):

        @task
        def nothing(item: int) -> None:
            """Do nothing."""

        nothing.expand(item=list(range(count)))
