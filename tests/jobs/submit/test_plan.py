"""The plan of a round: what is stored is read again, and nothing else is taken for a plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.submit.plan import load_plan, store_plan
from tests.jobs.made import make_job


@pytest.mark.parametrize("calls", [[range(3)], [range(2), range(2, 3)], [[0, 2], [1]], [[2]], []], ids=str)
def test_a_plan_is_read_as_it_was_stored(client: LithopsClient, calls: list[Sequence[int]]) -> None:
    job = make_job(items=3, bucket=client.bucket)
    store_plan(client, job, calls, None)

    assert load_plan(client, job) == calls


@pytest.mark.parametrize(
    "calls",
    [
        None,
        {"first": 0, "stop": 3},
        ["012"],
        [3],
        [[3]],
        [[-1]],
        [[True]],
        [[0.0]],
        [[[0]]],
        [{"first": 0}],
        [{"first": 0, "stop": 10**18}],
        [{"first": -1, "stop": 2}],
        [{"first": 2, "stop": 1}, {"first": 0, "stop": "3"}],
        [[0, 1, 2], [0]],
        [{"first": 0, "stop": 3}] * 1000,
    ],
    ids=lambda calls: ascii(calls)[:40],
)
def test_what_no_sender_has_written_is_no_plan(client: LithopsClient, calls: Any) -> None:
    """Who may write to the bucket could have the server of the page go over any number of items."""
    job = make_job(items=3, bucket=client.bucket)
    client.put(job.plan_key(), json.dumps({"submitted": 0, "calls": calls}).encode())

    assert load_plan(client, job) is None


def test_json_that_is_nested_very_deeply_is_no_plan(client: LithopsClient) -> None:
    job = make_job(items=3, bucket=client.bucket)
    client.put(job.plan_key(), b'{"calls":' + b"[" * 200_000)

    assert load_plan(client, job) is None
