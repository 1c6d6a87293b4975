"""Jobs of another machine, of whose processes nothing can be known from here, and what is stored of them."""

from __future__ import annotations

import json
import pickle
import time
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.submit.plan import store_plan
from tests.jobs.made import make_job


def elsewhere(client: LithopsClient, items: int = 10, calls: int = 2, timeout: float = 60.0) -> LithopsJob:
    """Returns a job of which nothing is stored."""
    return make_job(
        calls,
        items=items,
        backend="aws_lambda",
        bucket=client.bucket,
        timeout=timeout,
        host="elsewhere",
        created=time.time(),
    )


def sent(client: LithopsClient, items: int = 6, calls: int = 2) -> LithopsJob:
    """Returns a job of which the storage has the items and the plan."""
    job = elsewhere(client, items, calls)
    client.put(job.items_key(), frames.pack(pickle.dumps(((index,), {}, None)) for index in range(items)))
    size = items // calls
    store_plan(client, job, [range(start, start + size) for start in range(0, items, size)], None)
    return job


def store(
    client: LithopsClient,
    job: LithopsJob,
    call: int,
    values: dict[int, Any],
    *,
    first: int = 0,
    number: int = -1,
    started: float = 1.0,
) -> str:
    """Stores a part, in which a text as an item's value is why it failed. All items start then, and take a second."""
    part = PartBuilder()
    for index, value in values.items():
        if isinstance(value, str):
            part.add_failure(index, started, 1.0, 1, {"type": "ValueError", "message": value, "traceback": ""})
        else:
            part.add_success(index, started, 1.0, 1, pickle.dumps(value))
    failed = sum(isinstance(value, str) for value in values.values())
    key = part_key(f"{job.round_prefix(number)}/{call:05d}", PartName(first, first + len(values), failed))
    client.put(key, part.encode())
    return key


def end(client: LithopsClient, job: LithopsJob, *calls: int) -> None:
    """Has calls report their end."""
    for call in calls:
        client.put(f"{job.round_prefix()}/{call:05d}/status.json", json.dumps({"type": "__end__"}).encode())
