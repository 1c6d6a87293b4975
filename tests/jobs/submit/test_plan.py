"""A round's plan and items are read as they were stored, and nothing else is taken for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.submit.plan import load_items, load_memory, load_plan, store_plan
from tests.jobs.conftest import MapStarter
from tests.jobs.made import JOB, make_job


def test_what_was_sent_can_be_read_again(client: LithopsClient, start_map: MapStarter) -> None:
    run = start_map(abs, [-5, -6, -7, -8, -9], batch_size=2)
    plan, items = load_plan(client, run.job), load_items(client, run.job)
    run.finish()

    assert plan is not None
    assert [list(piece) for piece in plan] == [[0], [1, 2], [3, 4]]
    assert items is not None
    assert [items.item(index) for index in range(5)] == [((value,), {}, None) for value in (-5, -6, -7, -8, -9)]


def test_of_a_job_that_was_never_sent_there_is_nothing_to_read(client: LithopsClient) -> None:
    assert load_items(client, JOB) is None
    assert load_plan(client, JOB.with_round(1, 1)) is None
    assert load_memory(client, JOB.with_round(1, 1)) is None


def test_calls_may_have_neighbouring_items_or_any(client: LithopsClient) -> None:
    job = make_job(calls=2, items=5, bucket=client.bucket)
    store_plan(client, job, [range(3), [4, 3]], 2048)

    assert load_plan(client, job) == [range(3), [4, 3]]
    assert load_memory(client, job) == 2048


def test_items_that_are_damaged_count_as_missing(client: LithopsClient, caplog: pytest.LogCaptureFixture) -> None:
    job = make_job(bucket=client.bucket)
    client.put(job.items_key(), b"torn")

    assert load_items(client, job) is None
    assert "is damaged, and is taken to be missing" in caplog.text


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
