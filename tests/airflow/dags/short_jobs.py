"""Many deferrable tasks whose jobs are over in no time, with the settings that an Airflow has by default."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG

from lithops_provider.operators import LithopsMapOperator

TASKS = {"short_jobs": 3, "short_jobs_many": 30}
"""The DAGs, and the number of their mapped tasks."""


def note(item: int, ledger: str, task: int) -> int:
    """Write down the task and the item."""
    with open(ledger, "a") as file:
        file.write(f"{task}-{item}\n")
    return item * item


class DefaultSettings(LithopsMapOperator):
    """Takes no notice of the setting by which tests have jobs deferred at once."""

    def execute(self, context: Any) -> Any:
        """Run the job."""
        os.environ.pop("AIRFLOW__LITHOPS__DEFER_AFTER", None)
        return super().execute(context)


for dag_id, tasks in TASKS.items():
    with DAG(dag_id, schedule=None, render_template_as_native_obj=True, max_active_tasks=64):
        DefaultSettings.partial(
            task_id="map", map_function=note, map_iterdata=list(range(20)), deferrable=True, poll_interval=0.5
        ).expand(extra_args=[{"ledger": "{{ dag_run.conf['ledger'] }}", "task": number} for number in range(tasks)])
