from __future__ import annotations

import base64
import json
import zlib

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.follower import CallState, read_calls
from lithops_provider.jobs.gather.call_ends import CallFailure, failure_of_call
from lithops_provider.jobs.job import LithopsJob
from tests.jobs.conftest import MapStarter
from tests.jobs.elsewhere import elsewhere


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def states(client: LithopsClient, job: LithopsJob) -> dict[str, CallState]:
    prefix = job.round_prefix()
    return read_calls(client.keys(job.bucket, f"{prefix}/"), prefix)


def test_what_calls_have_reported(client: LithopsClient, run_map: MapStarter) -> None:
    def divide(number: int) -> float:
        print(f"dividing by {number}")  # noqa: T201 - the item's output
        return 1 / number

    run = run_map(divide, [1, 0], batch_size=1)
    calls = states(client, run.job)
    assert failure_of_call(client, run.job, 0, calls["00000"]) is None
    failure = failure_of_call(client, run.job, 1, calls["00001"])
    assert failure is not None
    assert (failure.type, failure.message) == ("ZeroDivisionError", "division by zero")
    assert "1 / number" in failure.traceback
    assert failure.output == "dividing by 0\n"


@pytest.mark.parametrize(
    ("status", "message", "output"),
    [
        ({"exception": True, "exc_info": "never unpickled"}, "the call died", ""),
        (
            {"exception": True, "logs": base64.b64encode(zlib.compress(b"last words")).decode()},
            "the call died",
            "last words",
        ),
        ({"exception": True, "logs": "no base64"}, "the call died", ""),
        ({}, "the call ended without an outcome", ""),
        (None, "the call ended without an outcome", ""),
    ],
)
def test_a_call_that_died(client: LithopsClient, status: object, message: str, output: str) -> None:
    job = elsewhere(client, items=1)
    if status is not None:
        client.put(f"{job.round_prefix()}/00000/status.json", json.dumps(status).encode())
    failure = failure_of_call(client, job, 0, CallState(started=True, ended=True))
    assert failure == CallFailure("CallDiedError", message, traceback="", output=output)


def test_a_report_that_is_gone_or_damaged_still_is_a_failure(client: LithopsClient) -> None:
    job = elsewhere(client, items=1)
    key = f"{job.round_prefix()}/00000/00000000-00000001-00000001.part"
    state = CallState(started=True, ended=True, done=1, failed=1, parts=[key])
    for data in (None, b"\x05\0\0\0\0\0\0\0nope"):
        if data is not None:
            client.put(key, data)
        failure = failure_of_call(client, job, 0, state)
        assert failure is not None
        assert failure.message == "what it reported can't be read"
