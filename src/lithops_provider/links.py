"""
The extra link from a task to the page of its job. `report/jobs.py` pushes its address when a job is sent; Airflow's web
interface shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

#: What Airflow's address of the page ends with, on a task instance's tabs.
PAGE_ROUTE = "lithops"


class LithopsJobLink(BaseOperatorLink):
    """Leads to the tab "Lithops job" of the task instance."""

    name = "Lithops job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Returns the page's address.

        :param operator: the task
        :param ti_key: names the task instance: its key, or itself
        """
        base = conf.get("api", "base_url", fallback="/").rstrip("/")
        mapped = f"/mapped/{ti_key.map_index}" if ti_key.map_index is not None and ti_key.map_index >= 0 else ""
        dag_id, run_id, task_id = (quote(name, safe="") for name in (ti_key.dag_id, ti_key.run_id, ti_key.task_id))
        return f"{base}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}{mapped}/plugin/{PAGE_ROUTE}"
