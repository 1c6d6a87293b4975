"""Which items have failed: all of it in storage, the first in an XCom."""

from __future__ import annotations

import json
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import Failure
from lithops_provider.report.failures import publish_failures
from lithops_provider.report.xcoms import FAILURES_KEY
from tests.jobs.conftest import client
from tests.jobs.made import make_job
from tests.task.instances import Instance

__all__ = ["client"]  # a fixture


def test_all_are_stored_and_the_first_are_pushed_with_the_ends_of_their_tracebacks(client: LithopsClient) -> None:
    job, ti = make_job(items=200, bucket=client.bucket), Instance()
    failures = [Failure(index, str(index), "ValueError", "no", f"{'x' * 5_000}the end") for index in range(150)]

    where = publish_failures(ti, client, job, failures)

    stored: Any = json.loads(client.get(client.bucket, job.failures_key()) or b"")
    pushed = json.loads(ti.pushed[FAILURES_KEY])
    assert stored == [failure.to_dict() for failure in failures]
    assert (pushed["job"], pushed["failed"], len(pushed["items"])) == (job.executor_id, 150, 100)
    assert [item["index"] for item in pushed["items"]] == list(range(100))
    assert {len(item["traceback"]) for item in pushed["items"]} == {2_000}
    assert pushed["items"][0]["traceback"].endswith("xthe end")
    assert pushed["all"] == f"localhost://{client.bucket}/{job.failures_key()}"
    assert where.endswith(pushed["all"])
