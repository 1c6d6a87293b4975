"""What the API server makes of what functions and others have written: text, within bounds, and nothing unpickled."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.gather.tally import tally_of
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import LOST
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.jobs.view.prices import Price
from lithops_provider.jobs.view.summary import summarize
from lithops_provider.status import answers
from tests.jobs.conftest import MapStarter, finished
from tests.jobs.elsewhere import sent
from tests.jobs.looked_at import fail_some


@pytest.fixture(scope="module")
def failed() -> JobRun:
    """A job for all tests: what they change of it, the status of its first call, each changes anew."""
    return finished(LithopsClient(resolve_config()), *bind_items(fail_some, range(10)), batch_size=5)


@pytest.fixture
def view(client: LithopsClient, failed: JobRun) -> JobView:
    view = JobView(failed.job, lambda: client)
    view.refresh(failed.job, 60)
    return view


def item(view: JobView, index: int, shown: dict[str, Any] | None = None) -> dict[str, Any]:
    assert view.snapshot is not None
    return answers.item(view, view.snapshot, index, shown or {}, "conn")


def put_status(client: LithopsClient, job: LithopsJob, data: bytes) -> None:
    client.put(f"{job.round_prefix()}/00000/status.json", data)


def test_an_item_has_its_traceback_and_the_log_of_its_call(client: LithopsClient, view: JobView) -> None:
    text = "x" * 100_000 + "the end"
    logs = base64.b64encode(zlib.compress(text.encode())).decode()
    status = {"logs": logs, "worker_cold_start": True, "exc_info": "never", "worker_peak_memory_start": {"odd": 1}}
    put_status(client, view.job, json.dumps(status).encode())

    (attempt,) = item(view, 3)["tries"]

    assert attempt["failure"]["message"] == "3 is bad"
    assert "fail_some" in attempt["failure"]["traceback"]
    assert attempt["status"] == {"worker_cold_start": True}
    assert attempt["log"] == text[-20_000:]


@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"not json",
        b"[]",
        b'{"logs": 3}',
        b'{"logs": "not base64"}',
        b'{"logs": "bm90IHpsaWI="}',
    ],
)
def test_a_status_that_is_damaged_is_left_out(client: LithopsClient, view: JobView, status: bytes) -> None:
    put_status(client, view.job, status)

    (attempt,) = item(view, 3)["tries"]

    assert (attempt["status"], attempt["log"]) == ({}, "")


def test_a_log_that_would_fill_the_memory_is_cut(client: LithopsClient, view: JobView) -> None:
    logs = base64.b64encode(zlib.compress(bytes(50 << 20))).decode()
    put_status(client, view.job, json.dumps({"logs": logs}).encode())

    (attempt,) = item(view, 3)["tries"]

    assert len(attempt["log"]) == 20_000


def test_arguments_are_those_of_the_same_job(view: JobView) -> None:
    entries = [{"index": 3, "item": "3"}]

    assert item(view, 3, {"job": view.job.executor_id, "items": entries})["arguments"] == "3"
    assert item(view, 3, {"job": "another", "items": entries})["arguments"] is None
    assert item(view, 6, {"job": view.job.executor_id, "items": entries})["arguments"] is None


def test_the_snippet_is_python_whatever_the_names_are(view: JobView) -> None:
    job = LithopsJob.from_dict({**view.job.to_dict(), "runtime": "a'b\"c\nd\\e"})
    found: dict[str, Any] = {}
    code = answers.snippet(job, 3, "it's\nmine").split("call =")[0]
    exec(code.replace("from lithops_provider.hooks import LithopsHook", ""), found)

    assert LithopsJob.from_dict(found["job"]) == job


def test_failures_are_told_even_when_their_data_is_gone(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(fail_some, range(10), batch_size=5).job
    view = JobView(job, lambda: client)
    view.refresh(job, 60)
    assert view.snapshot is not None
    lines = [json.loads(line) for line in answers.failures(view, view.snapshot)]
    assert sorted((line["index"], line["message"]) for line in lines) == [(n, f"{n} is bad") for n in (3, 6, 9)]
    assert all("fail_some" in line["traceback"] for line in lines)

    client.delete(view.job.bucket, client.keys(view.job.bucket, f"{view.job.round_prefix()}/"))
    lines = [json.loads(line) for line in answers.failures(view, view.snapshot)]
    assert sorted(line["message"] for line in lines) == [f"ValueError: {n} is bad" for n in (3, 6, 9)]


@pytest.mark.parametrize("damaged", [True, False])
def test_an_item_keeps_its_short_failure_when_its_part_can_no_longer_be_read(
    client: LithopsClient, run_map: MapStarter, damaged: bool
) -> None:
    job = run_map(fail_some, range(4), batch_size=4).job
    view = JobView(job, lambda: client)
    view.refresh(job, 60)
    for key in client.keys(job.bucket, f"{job.round_prefix()}/00000/"):
        if damaged:
            client.put(key, b"\x08\0\0\0\0\0\0\0not json")
        else:
            client.delete(job.bucket, [key])

    (failed,), (succeeded,) = item(view, 3)["tries"], item(view, 2)["tries"]

    assert failed["failure"] == {"type": "ValueError", "message": "", "traceback": "", "text": "ValueError: 3 is bad"}
    assert succeeded["failure"] is None
    assert answers.traceback(view, view.snapshot, 3) == ""  # type: ignore[arg-type]


def test_an_item_that_was_lost_with_its_call_has_its_failure_and_no_log(client: LithopsClient) -> None:
    job = sent(client)
    lost = PartBuilder()
    lost.add_failure(2, 1.0, 0.0, 0, {"type": "CallLostError", "message": "nothing was heard of it", "traceback": ""})
    client.put(part_key(f"{job.round_prefix()}/{LOST}", PartName(0, 1, 1)), lost.encode())
    view = JobView(job, lambda: client)
    view.refresh(job, 60)

    (attempt,) = item(view, 2)["tries"]

    assert attempt["failure"]["message"] == "nothing was heard of it"
    assert (attempt["call"], attempt["status"], attempt["log"]) == (-1, {}, "")


def test_a_summary_is_what_a_task_pushes(client: LithopsClient, failed: JobRun) -> None:
    price = Price(currency="EUR", region="here", gb_second=0.001)
    found = summarize(client, failed.job, tally_of(failed.outcomes), {"localhost": price}, cached=2)
    shown = answers.summary({**found, "gb_seconds": 1.5, "cost": {"estimate": 0.5, "currency": "EUR", "region": "x"}})

    assert shown is not None
    assert {name: shown[name] for name in ("succeeded", "failed", "cached", "gb_seconds")} == {
        **{"succeeded": 7, "failed": 3, "cached": 2, "gb_seconds": 1.5}
    }
    assert shown["slowest"] == found["slowest"]
    assert shown["cost"] == {"estimate": 0.5, "currency": "EUR", "region": "x"}
    assert shown["workers"] == found["workers"]
    assert shown["workers"]


def test_why_a_job_failed(view: JobView) -> None:
    assert view.snapshot is not None
    why = answers.why(view.snapshot, answers.summary({"min_success_ratio": 0.99}))

    assert why is not None
    assert why["text"] == "7 of 10 succeeded (70 %), 99 % were needed"
    (group,) = why["groups"]
    assert (group["type"], group["count"], group["items"]) == ("ValueError", 3, [3, 6, 9])
    assert "looked_at.py:" in group["place"]
    assert group["message"] == "ValueError: 3 is bad"
    assert "fail_some" in answers.traceback(view, view.snapshot, 3)
    assert answers.traceback(view, view.snapshot, 4) == ""


@pytest.mark.parametrize("needed", [None, -1, 10**300, float("nan"), "all", True])
def test_what_was_needed_is_left_out_if_it_cannot_be(view: JobView, needed: Any) -> None:
    assert view.snapshot is not None
    why = answers.why(view.snapshot, answers.summary({"min_success_ratio": needed}))

    assert why is not None
    assert why["text"] == "7 of 10 succeeded (70 %)"


def test_nothing_is_explained_where_nothing_failed(client: LithopsClient, run_map: MapStarter) -> None:
    view = JobView(run_map(fail_some, range(3)).job, lambda: client)
    view.refresh(view.job, 60)
    assert view.snapshot is not None

    assert answers.why(view.snapshot, None) is None


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"slowest": "all", "cost": 3, "workers": [1], "wall_seconds": "long", "failed": True},
        {"slowest": [[1], ["<b>", 1.0], [1, None], 3], "cost": {"estimate": "free"}, "compute_seconds": float("nan")},
        {"cost": {"estimate": [1]}, "workers": None, "reason": ["x"]},
        {"failed": 10**400, "cost": {"estimate": -(10**400)}, "workers": {"w": 10**400}, "slowest": [[0, 10**400]]},
    ],
)
def test_a_summary_that_somebody_has_made_up_is_left_out(found: dict[str, Any]) -> None:
    shown = answers.summary(found)

    assert shown is not None
    assert shown.pop("workers", {}) == {}
    assert shown == {"slowest": []}
    assert answers.summary(None) is None
