"""
Records in storage who waits for a job. Whoever wants to cancel or show a job checks the record first, since only those
who may write to the bucket can change it, while users may write XComs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob


@dataclass(frozen=True)
class OwnerRecord:
    """
    The record of a job's owner.

    :param owner: who waits for the job: any text that names this waiter and no other
    :param items: how many items the job has
    """

    owner: str
    items: int


def set_owner(client: LithopsClient, job: LithopsJob, owner: str) -> None:
    """
    Records who waits for a job from now on. After a Clear, the next try of a task may take over the job before the last
    try, or its trigger, comes to stop it. By the record, the last try then sees that the job isn't its own any more.

    :param client: where the job runs
    :param job: its value
    :param owner: any text that names this waiter and no other
    """
    client.put(job.owner_key, json.dumps({"owner": owner, "items": job.items}).encode())


def read_owner(client: LithopsClient, job: LithopsJob) -> OwnerRecord | None:
    """
    Returns the record of a job's owner, or None if there is none or it is damaged.

    :param client: where the job runs
    :param job: its value
    """
    data = client.get(job.bucket, job.owner_key)
    try:
        known = json.loads(data or b"null")
    except (ValueError, RecursionError):  # the latter if it is nested very deeply
        return None
    if not isinstance(known, dict) or type(known.get("owner")) is not str or type(known.get("items")) is not int:
        return None
    return OwnerRecord(known["owner"], known["items"])


def is_owner(client: LithopsClient, job: LithopsJob, owner: str) -> bool:
    """
    Returns whether ``owner`` is the recorded owner, or none is recorded.

    :param client: where the job runs
    :param job: its value
    :param owner: who asks
    """
    known = read_owner(client, job)
    return known is None or known.owner == owner
