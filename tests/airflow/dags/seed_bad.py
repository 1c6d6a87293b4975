"""What can be given wrongly and only a real Airflow can tell, a task each. All of them may retry, and none must."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, task
from seed_bad_rows import BAD, SEED_BAD, SEED_BAD_MORE


@task
def returns_none() -> None:
    """Return nothing."""


@task
def returns_str() -> str:
    """Return what is no list."""
    return "abc"


for dag_id in (SEED_BAD, SEED_BAD_MORE):
    with DAG(
        dag_id, schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=0)}, max_active_tasks=32
    ):
        upstream = {"returns_none": returns_none(), "returns_str": returns_str()}
        for name, bad in BAD.items():
            if bad.dag_id != dag_id:
                continue
            made = bad.operator(task_id=name, **bad.given)
            if bad.upstream is not None:
                upstream[bad.upstream] >> made
