"""
Publishes which items of a job have failed: all failures in storage, the first of them in an XCom. A task's run calls it
when items have failed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lithops_provider.report.xcoms import FAILURES_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.errors import Failure
    from lithops_provider.jobs.job import LithopsJob

#: How many failures the XCom has at most. All of them are in storage.
_MAX_FAILURES = 100
#: How many characters of a failure's traceback the XCom has at most.
_MAX_TRACEBACK = 2_000


def publish_failures(ti: Any, client: LithopsClient, job: LithopsJob, failures: Sequence[Failure]) -> str:
    """
    Stores all failures of a job, and pushes the first of them.

    :param ti: the task instance
    :param client: where the job ran
    :param job: its value
    :param failures: the failures, in the order of the items
    :returns: words for where they are
    """
    key = job.failures_key()
    entries = [failure.to_dict() for failure in failures]
    client.put(key, json.dumps(entries).encode())
    shown = [{**entry, "traceback": entry["traceback"][-_MAX_TRACEBACK:]} for entry in entries[:_MAX_FAILURES]]
    where = f"{job.storage}://{job.bucket}/{key}"
    value = {"job": job.executor_id, "failed": len(entries), "items": shown, "all": where}
    ti.xcom_push(key=FAILURES_KEY, value=value)
    return f"job {job.executor_id}; all of them are in the XCom {FAILURES_KEY} and in {where}"
