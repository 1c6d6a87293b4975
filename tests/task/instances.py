"""A task instance, as far as operators and sensors need one to be executed in a test's process."""

from __future__ import annotations

import json
from typing import Any


class Instance:
    """A task instance that keeps the XComs that are pushed, as JSON, as Airflow's database would."""

    id, try_number, dag_id, run_id, task_id, map_index = "01990000-0000-7000-8000-000000000000", 1, "d", "r", "t", -1

    def __init__(self) -> None:
        self.pushed: dict[str, str] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.dumps(value)
