from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.clean import clean_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import BEGIN_NOTHING, BEGUN, STOP_ALL
from lithops_provider.jobs.submit.plan import store_plan
from lithops_provider.jobs.view import job_view
from lithops_provider.jobs.view.job_view import JobView, Snapshot
from tests.jobs.conftest import MapStarter, wait_for
from tests.jobs.elsewhere import sent, store
from tests.jobs.looked_at import bomb, fail_some, wait_for_file
from tests.jobs.made import make_job
from tests.jobs.standins import FailingStorage, times


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_view, "_PAUSE", 0.0)
    monkeypatch.setattr(job_view, "_DUTY", float("inf"))


def look(view: JobView, job: LithopsJob) -> Snapshot:
    view.refresh(job, 60)
    assert view.error is None
    assert view.snapshot is not None
    return view.snapshot


def test_a_job_that_is_over(client: LithopsClient, run_map: MapStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    job = run_map(fail_some, range(10), batch_size=5).job
    monkeypatch.setattr(pickle, "loads", None)  # whoever looks on needs it not

    seen = look(JobView(job, lambda: client), job)

    assert seen.state == "failed"
    assert seen.over
    assert seen.counts == {"waiting": 0, "running": 0, "succeeded": 7, "failed": 3}
    assert (seen.unread, seen.damaged, seen.gone) == (0, 0, False)
    assert [seen.table.row(index)["failure"] for index in (0, 3)] == ["", "ValueError: 3 is bad"]
    assert [seen.table.row(index)["call"] for index in (0, 4, 5, 9)] == [0, 0, 1, 1]
    row = seen.table.row(3)
    assert row["peak_memory"] > 1 << 20
    assert 0 < row["seconds"] < 60


def test_results_are_never_unpickled(client: LithopsClient, start_map: MapStarter, tmp_path: Path) -> None:
    run = start_map(bomb, [str(tmp_path / "exploded")])
    run.finish()

    seen = look(JobView(run.job, lambda: client), run.job)

    assert seen.state == "succeeded"
    assert not (tmp_path / "exploded").exists()


def test_a_running_job_tells_what_runs_and_what_waits(
    client: LithopsClient, start_map: MapStarter, tmp_path: Path
) -> None:
    run = start_map(wait_for_file, [str(tmp_path / name) for name in "abcd"], batch_size=2)
    view = JobView(run.job, lambda: client)
    wait_for(lambda: look(view, run.job).counts["running"] == 2)

    seen = look(view, run.job)
    assert seen.state == "running"
    assert [seen.table.row(index)["state"] for index in range(4)] == ["running", "waiting", "running", "waiting"]
    wait_for(lambda: all(look(view, run.job).table.row(index)["started"] for index in (0, 2)))  # it stores that next
    assert run.job.created < look(view, run.job).table.row(0)["started"] < time.time()
    wait_for(lambda: look(view, run.job).version == look(view, run.job).version)  # nothing changes
    first = look(view, run.job).version

    (tmp_path / "a").touch()
    wait_for(lambda: look(view, run.job).counts["succeeded"] == 1)  # told while its call goes on
    seen = look(view, run.job)
    assert seen.version > first
    assert [seen.table.row(index)["state"] for index in range(2)] == ["succeeded", "running"]
    ended = seen.table.started[0] + seen.table.seconds[0]
    assert seen.table.row(1)["started"] == pytest.approx(ended)

    for name in "bcd":
        (tmp_path / name).touch()
    run.finish()
    assert look(view, run.job).state == "succeeded"


def test_rounds(client: LithopsClient, start_map: MapStarter) -> None:
    run = start_map(fail_some, range(10), batch_size=5)
    view = JobView(run.job, lambda: client)
    look(view, run.job)
    run.item_retries = 1
    run.finish()
    assert len(run.job.rounds) == 2

    seen = look(view, run.job)

    assert seen.counts == {"waiting": 0, "running": 0, "succeeded": 7, "failed": 3}
    assert [seen.table.attempts[index] for index in (0, 3, 6, 9)] == [1, 2, 2, 2]
    assert [entry.failed for entry in seen.rounds] == [3, 3]
    assert [entry.settled for entry in seen.rounds] == [True, False]

    clean_job(client, run.job)
    seen = look(view, run.job)
    assert seen.gone
    assert seen.counts["failed"] == 3


def test_what_is_sent_again_waits_and_runs_though_it_has_failed_before(client: LithopsClient) -> None:
    job = sent(client, items=4, calls=1)
    store(client, job, 0, {0: 0, 1: "bad", 2: "worse", 3: 3})
    again = job.with_round(2, 1)
    store_plan(client, again, [[1, 2]], None)
    view = JobView(again, lambda: client)

    def states() -> list[str]:
        table = look(view, again).table
        return [table.row(index)["state"] for index in range(4)]

    assert states() == ["succeeded", "waiting", "waiting", "succeeded"]
    client.put(f"{again.round_prefix()}/00000/{BEGUN}", str(time.time()).encode())
    assert states() == ["succeeded", "running", "waiting", "succeeded"]
    store(client, again, 0, {1: "still bad"})
    assert states() == ["succeeded", "failed", "running", "succeeded"]


def test_parts_are_shown_while_others_are_still_read(
    client: LithopsClient, run_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = run_map(fail_some, range(10), batch_size=4).job
    shown: list[Snapshot] = []
    monkeypatch.setattr(job_view, "_SHOW", -1.0)
    monkeypatch.setattr(job_view, "Snapshot", lambda *values: shown.append(Snapshot(*values)) or shown[-1])

    look(JobView(job, lambda: client), job)

    assert [(seen.unread, len(seen.parts)) for seen in shown] == [(3, 0), (2, 1), (1, 2), (0, 3)]
    assert [seen.counts["succeeded"] for seen in shown] == [7] * 4
    assert [seen.counts["failed"] for seen in shown] == [3] * 4


def test_whoever_only_counts_reads_no_part_and_shows_nothing_anew_if_nothing_has_changed(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = sent(client, items=4, calls=1)
    store(client, job, 0, {0: 0, 1: "bad"})
    monkeypatch.setattr(job_view, "read_header", None)
    view = JobView(job, lambda: client, counts_only=True)

    first = look(view, job)
    assert (first.counts["succeeded"], first.counts["failed"]) == (1, 1)
    assert look(view, job) is first
    store(client, job, 0, {0: 0, 1: "bad", 2: 2})
    assert look(view, job).counts["succeeded"] == 2


@pytest.mark.parametrize("counts_only", [True, False])
def test_a_round_is_shown_though_the_first_look_at_it_failed(client: LithopsClient, counts_only: bool) -> None:
    job = sent(client, items=4, calls=1)
    again = job.with_round(2, 1)
    own = LithopsClient(client.config, patience=0.0)
    own._internal_storage.storage = FailingStorage(client.storage, times(1, "list_keys", again.round_prefix()))
    view = JobView(job, lambda: own, counts_only=counts_only)
    look(view, job)

    view.refresh(again, 60)
    assert view.error is not None
    assert look(view, again).job is again


@pytest.mark.parametrize("counts_only", [True, False])
@pytest.mark.parametrize("request_name", ["list_keys", "get_object"])
def test_an_earlier_round_is_read_though_the_first_look_failed(
    client: LithopsClient, request_name: str, counts_only: bool
) -> None:
    job = sent(client, items=4, calls=1)
    part = store(client, job, 0, {0: 0, 1: "bad", 2: 2, 3: 3})
    again = job.with_round(1, 1)
    store_plan(client, again, [[1]], None)
    own = LithopsClient(client.config, patience=0.0)
    failing = again.round_prefix() if request_name == "list_keys" else part
    own._internal_storage.storage = FailingStorage(client.storage, times(1, request_name, failing))
    view = JobView(again, lambda: own, counts_only=counts_only)

    view.refresh(again, 60)
    assert (view.error is None) is (counts_only and request_name == "get_object")  # it reads no parts
    seen = look(view, again)

    assert seen.counts["succeeded"] == 3
    assert seen.unread == (1 if counts_only else 0)
    assert [entry.settled for entry in seen.rounds] == [True, False]


def test_results_out_of_the_cache_are_a_round_of_their_own(client: LithopsClient, run_map: MapStarter) -> None:
    def triple(x: int) -> int:
        return 3 * x

    run_map(triple, range(3), cache=True)
    job = run_map(triple, range(5), cache=True).job

    seen = look(JobView(job, lambda: client), job)

    assert [entry.cached for entry in seen.rounds] == [True, False]
    assert seen.counts == {"waiting": 0, "running": 0, "succeeded": 5, "failed": 0}


def test_a_stopped_job_is_cancelled_though_its_calls_were_killed(
    client: LithopsClient, start_map: MapStarter, tmp_path: Path
) -> None:
    run = start_map(wait_for_file, [str(tmp_path / "never"), str(tmp_path / "later")], batch_size=2)
    view = JobView(run.job, lambda: client)
    wait_for(lambda: look(view, run.job).counts["running"] == 1)

    run.cancel()
    wait_for(lambda: look(view, run.job).state == "cancelled")

    assert look(view, run.job).counts == {"waiting": 2, "running": 0, "succeeded": 0, "failed": 0}


def test_calls_elsewhere_that_were_stopped_are_given_up_once_nothing_is_heard_of_them(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(items=2, host="elsewhere", bucket=client.bucket)
    store_plan(client, job, [range(2)], None)
    client.put(f"{job.round_prefix()}/00000/{BEGUN}", b"")
    view = JobView(job, lambda: client)

    client.put(job.stop_key(), BEGIN_NOTHING)
    monkeypatch.setattr(job_view, "STOP_GRACE", -1.0)
    assert look(view, job).state == "running", "calls that have begun go on"
    assert look(view, job).table.row(0)["started"] is None, "as releases before stored it, the marker doesn't say when"

    monkeypatch.setattr(job_view, "STOP_GRACE", 600.0)
    client.put(job.stop_key(), STOP_ALL)
    assert (look(view, job).state, look(view, job).counts["running"]) == ("stopping", 1)

    monkeypatch.setattr(job_view, "STOP_GRACE", -1.0)
    assert (look(view, job).state, look(view, job).counts["running"]) == ("cancelled", 0)


def test_what_was_read_is_known_when_the_data_is_deleted(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(fail_some, range(10)).job
    view = JobView(job, lambda: client)
    look(view, job)
    clean_job(client, job)

    seen = look(view, job)
    assert seen.gone
    assert seen.state == "failed"
    assert seen.counts["failed"] == 3

    seen = look(JobView(job, lambda: client), job)
    assert seen.gone
    assert seen.state == "unknown"


def test_a_damaged_part_is_left_out(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(fail_some, range(10), batch_size=5).job
    parts = [key for key in client.keys(job.bucket, f"{job.round_prefix()}/00000/") if key.endswith(".part")]
    client.put(parts[0], b"\x08\0\0\0\0\0\0\0not json")

    seen = look(JobView(job, lambda: client), job)

    assert seen.damaged == 1
    assert [seen.table.row(index)["state"] for index in (4, 5)] == ["waiting", "succeeded"]


def test_a_storage_that_fails_is_told_of_without_secrets(
    client: LithopsClient, run_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = run_map(fail_some, range(3)).job
    own = LithopsClient({**client.config, "aws": {"secret_access_key": "s3cret"}}, patience=0.0)
    view = JobView(job, lambda: own)
    look(view, job)
    before = view.snapshot

    def fail(*args: Any) -> Any:
        raise OSError("no route with s3cret")

    monkeypatch.setattr(own.storage, "list_keys", fail)
    view.refresh(job, 60)

    assert view.error is not None
    assert "no route with ***" in view.error
    assert view.snapshot is before


def test_a_job_elsewhere_is_not_looked_for_here(client: LithopsClient, run_map: MapStarter) -> None:
    job = LithopsJob.from_dict({**run_map(abs, [1]).job.to_dict(), "bucket": "another"})
    view = JobView(job, lambda: client)
    view.refresh(job, 60)

    assert view.snapshot is None
    assert view.error is not None
    assert "is in localhost://another" in view.error
