"""
Stores and reads a round's plan, which says which items each of its calls has, and reads the items. Both lie in storage
with the job: send.py writes them, and everything that gathers, shows or takes over a job reads them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote import frames

logger = logging.getLogger(__name__)


def store_plan(
    client: LithopsClient, job: LithopsJob, calls: Sequence[Sequence[int]], runtime_memory: int | None
) -> None:
    """
    Stores the plan of a job's last round.

    :param client: where the job runs
    :param job: its value
    :param calls: the indices of each call's items
    :param runtime_memory: MB that the calls get; None for the configured
    """
    plan = {
        "submitted": job.rounds[-1].submitted,
        "runtime_memory": runtime_memory,
        "calls": [_compact(piece) for piece in calls],
    }
    client.put(job.plan_key(), json.dumps(plan).encode())


def _compact(piece: Sequence[int]) -> list[int] | dict[str, int]:
    return {"first": piece.start, "stop": piece.stop} if isinstance(piece, range) else list(piece)


def load_plan(client: LithopsClient, job: LithopsJob, number: int = -1) -> list[Sequence[int]] | None:
    """
    Returns the items of each call of a round. Returns None if there is no plan, since the round's submission ended
    before it was stored, or since the data was deleted. A damaged plan counts as missing, too: servers read plans, and
    trust nothing in them.

    :param client: where the job runs
    :param job: its value
    :param number: which of its rounds
    """
    plan = client.get_json(job.bucket, job.plan_key(number))
    pieces = None if plan is None else plan.get("calls")
    if not isinstance(pieces, list):
        return None
    try:
        calls = [_items_of(piece, job.items) for piece in pieces]
    except (ValueError, KeyError, TypeError):
        calls = None
    if calls is None or sum(map(len, calls)) > job.items:
        logger.warning("%s is damaged, and is taken to be missing", job.plan_key(number))
        return None
    return calls


def _items_of(piece: Any, count: int) -> Sequence[int]:
    """
    Returns the indices of a call's items.

    :param piece: what was read in the place of what `_compact` returned
    :param count: number of items of the job
    :raises ValueError: these aren't indices of the job's items
    """
    found = [piece["first"], piece["stop"]] if isinstance(piece, dict) else piece
    most = count if isinstance(piece, dict) else count - 1
    if not isinstance(found, list) or not {int}.issuperset(map(type, found)):
        raise ValueError("no indices")
    if found and not 0 <= min(found) <= max(found) <= most:
        raise ValueError("indices of other items")
    return range(*found) if isinstance(piece, dict) else found


def load_memory(client: LithopsClient, job: LithopsJob) -> int | None:
    """
    Returns the MB of memory that was set for the last round, or None if it has the configured memory.

    :param client: where the job runs
    :param job: its value
    """
    plan = client.get_json(job.bucket, job.plan_key())
    memory: int | None = None if plan is None else plan.get("runtime_memory")
    return memory


def load_items(client: LithopsClient, job: LithopsJob) -> frames.ItemBlocks | None:
    """
    Returns a job's items, or None if they are missing or damaged.

    :param client: where the job runs
    :param job: its value
    """
    data = client.get(job.bucket, job.items_key(0), large=True) if job.rounds else None
    if data is None:
        return None
    try:
        return frames.ItemBlocks(frames.unpack(data), range(job.items))
    except ValueError:
        logger.warning("%s is damaged, and is taken to be missing", job.items_key(0))
        return None
