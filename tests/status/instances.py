"""A task instance, and what names a try of it as the owner of a job."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lithops_provider.status.records import TaskKey
from lithops_provider.task.owner import owner_of

KEY = TaskKey("dag", "run", "group.task", 3)


def try_of(key: TaskKey, number: int = 1) -> str:
    names: dict[str, Any] = vars(key)
    return owner_of(SimpleNamespace(**names, id=f"id-{number}", try_number=number))
