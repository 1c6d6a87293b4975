"""Whose job a job is: an object beside it in storage, which nobody can write who may not write to the bucket."""

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
    What is stored beside a job.

    :param owner: who waits for it: any text that no other waiter has
    :param items: how many items it has
    """

    owner: str
    items: int


def set_owner(client: LithopsClient, job: LithopsJob, owner: str) -> None:
    """
    Says who waits for a job from now on. After a Clear the next try may take over a job before the last one, or
    its trigger, comes to stop it.

    :param client: where the job runs
    :param job: its value
    :param owner: any text that no other waiter has
    """
    client.put(job.owner_key, json.dumps({"owner": owner, "items": job.items}).encode())


def read_owner(client: LithopsClient, job: LithopsJob) -> OwnerRecord | None:
    """
    Returns what is stored beside a job, or None if there is nothing, or half of it.

    :param client: where the job runs
    :param job: its value
    """
    data = client.get(job.bucket, job.owner_key)
    try:
        known = json.loads(data or b"null")
    except ValueError:
        return None
    if not isinstance(known, dict) or type(known.get("owner")) is not str or type(known.get("items")) is not int:
        return None
    return OwnerRecord(known["owner"], known["items"])


def is_owner(client: LithopsClient, job: LithopsJob, owner: str) -> bool:
    """
    Returns whether somebody is the recorded owner, or none is recorded.

    :param client: where the job runs
    :param job: its value
    :param owner: who asks
    """
    known = read_owner(client, job)
    return known is None or known.owner == owner
