"""The link from a task to the page of its job."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.links import LithopsJobLink


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({}, "dags/etl/runs/manual/tasks/load/plugin/lithops"),
        ({"map_index": 0}, "dags/etl/runs/manual/tasks/load/mapped/0/plugin/lithops"),
        ({"map_index": -1}, "dags/etl/runs/manual/tasks/load/plugin/lithops"),
        ({"run_id": "a/b?c+00:00"}, "dags/etl/runs/a%2Fb%3Fc%2B00%3A00/tasks/load/plugin/lithops"),
    ],
    ids=["not mapped", "mapped", "not mapped, as in the database", "any text"],
)
def test_it_leads_to_the_tab_of_the_task_instance(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], path: str
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
    key: Any = SimpleNamespace(**{"dag_id": "etl", "run_id": "manual", "task_id": "load", "map_index": None, **changed})
    operator: Any = None

    assert LithopsJobLink().get_link(operator, ti_key=key) == f"https://airflow.example.com/team/{path}"
