"""Jobs that nobody has sent, for tests of what only reads their values."""

from __future__ import annotations

from typing import Any

from lithops_provider.jobs.job import LithopsJob


def make_job(calls: int = 1, **fields: Any) -> LithopsJob:
    """
    Returns a job of one round.

    :param calls: how many the round has
    :param fields: of the job, instead of what they are here
    """
    made: dict[str, Any] = {
        "executor_id": LithopsJob.new_executor_id(),
        "kind": "map",
        "function": "f",
        "items": 3,
        "backend": "localhost",
        "storage": "localhost",
        "bucket": "storage",
        "runtime": "runtime",
        "timeout": 10.0,
        "host": "host",
        "created": 1000.0,
        **fields,
    }
    return LithopsJob(**made).with_round(made["items"], calls)


#: A job of which nothing was sent, always the same.
JOB = LithopsJob(
    executor_id="0123456789abcdef-0",
    kind="map",
    function="add",
    items=10,
    backend="localhost",
    storage="localhost",
    bucket="storage",
    runtime="/usr/bin/python3",
    timeout=60.0,
    host="worker-1",
    created=1753170000.0,
)
