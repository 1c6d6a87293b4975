"""What a request is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.status.listing import ListedTask
from lithops_provider.ui.requests import running_counts
from tests.ui.server import Server


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 200),
        ({"task_id": "other"}, 404),
        ({"task_id": "../x"}, 422),
        ({"map_index": -2}, 422),
        ({"phase": "reduce"}, 404),
        ({"phase": "no phase"}, 422),
    ],
    ids=str,
)
def test_it_names_a_task_instance_and_a_phase_of_it(server: Server, changed: dict[str, Any], status: int) -> None:
    assert server.get("job", **changed).status_code == status


def test_a_task_that_has_sent_nothing_yet_has_no_items(server: Server) -> None:
    server.record = replace(server.record, jobs={}, problem="the XCom is damaged")

    answer = server.get("items")

    assert (answer.status_code, answer.json()["detail"]) == (404, "the XCom is damaged")


def test_the_list_counts_what_jobs_have_done_unless_they_are_over_or_old(
    server: Server, client: LithopsClient, job: LithopsJob
) -> None:
    old = replace(job, created=1000.0)
    rows = [
        ListedTask(replace(server.record, jobs={"map": job}), {}),
        ListedTask(replace(server.record, jobs={"map": job}), {"map": {}}),
        ListedTask(replace(server.record, jobs={"map": old}), {}),
    ]

    counts = running_counts(rows)

    assert sum(counts[0]["map"].values()) == job.items
    assert counts[1:] == [{}, {}]
