"""Which failures of a task Airflow retries."""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from lithops_provider.jobs.errors import ItemsFailedError
from lithops_provider.operators import LithopsMapOperator


class Instance:
    """A task instance as far as a task that isn't deferred needs one."""

    id, try_number, dag_id, run_id, task_id, map_index = "01990000-0000-7000-8000-000000000000", 1, "d", "r", "t", -1

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)


def raises(kind: str) -> str:
    if kind == "for good":
        module = sys.modules.setdefault("airflow.exceptions", types.ModuleType("airflow.exceptions"))  # a light one
        sys.modules.setdefault("airflow", module)
        raise type("AirflowFailException", (Exception,), {"__module__": module.__name__})("hopeless")
    if kind == "this time":
        raise ValueError("unlucky")
    return kind


@pytest.mark.parametrize(
    ("ratio", "error"),
    [
        (1.0, AirflowFailException),
        (0.5, ItemsFailedError),  # enough may succeed next time
    ],
)
def test_airflow_retries_unless_too_many_items_failed_for_good(ratio: float, error: type[Exception]) -> None:
    items = ["this time", "for good"]
    task = LithopsMapOperator(
        task_id="t", map_function=raises, map_iterdata=items, min_success_ratio=ratio, poll_interval=0.05
    )
    with pytest.raises(Exception, match=r"of 2 item\(s\) of raises failed") as raised:
        task.execute({"ti": Instance()})  # type: ignore[typeddict-item]
    assert type(raised.value) is error
