"""A task instance, the name of a try of it as the owner of a job, and a job that such a try has sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.status.records import TaskKey
from lithops_provider.task.owner import owner_of
from tests.jobs.elsewhere import elsewhere

KEY = TaskKey("dag", "run", "group.task", 3)


def try_of(key: TaskKey, number: int = 1) -> str:
    names: dict[str, Any] = vars(key)
    return owner_of(SimpleNamespace(**names, id=f"id-{number}", try_number=number))


def sent_by_a_try(client: LithopsClient, items: int = 4, calls: int = 2) -> LithopsJob:
    """Returns a job that runs on another machine, and that the first try of the task instance `KEY` has sent."""
    job = elsewhere(client, items, calls)
    client.put(job.plan_key(), b"{}")
    set_owner(client, job, try_of(KEY))
    return job
