from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter import localhost
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import JobCancelledError, JobTimeoutError, StorageUnavailableError
from lithops_provider.jobs.follow import follower as module
from lithops_provider.jobs.follow import processes
from lithops_provider.jobs.follow.follower import Follower, Progress, follow, read_calls
from lithops_provider.jobs.follow.processes import runner_is_gone, runner_pids
from lithops_provider.jobs.follow.states import RoundEnd
from lithops_provider.jobs.remote.keys import BEGIN_NOTHING
from lithops_provider.jobs.remote.parts import PartName, part_key
from lithops_provider.jobs.wait import look_at_job
from tests.jobs import process_faas
from tests.jobs.conftest import POLL, FaasMaker, MapStarter, runner_of, started, wait_for
from tests.jobs.elsewhere import elsewhere
from tests.jobs.failures import Tally, leave_mark
from tests.jobs.standins import FailingStorage, times
from tools.waiting import HANGS

PREFIX = "lithops.jobs/0123456789abcdef-0-M000"


# -- what keys tell --------------------------------------------------------------------------------------------


def test_the_state_of_each_call_is_read_from_its_keys() -> None:
    first, second = f"{PREFIX}/00000", f"{PREFIX}/00001"
    keys = [
        *[f"{first}/abc.init", part_key(first, PartName(0, 5, 1)), part_key(first, PartName(5, 8, 2))],
        *[f"{first}/status.json", f"{second}/def.init", f"{PREFIX}/items", f"{PREFIX}/func.pickle"],
        *["lithops.jobs/0123456789abcdef-0-M0001/00002/status.json", "lithops.jobs/other/00003/status.json"],
    ]

    for order in (1, -1):
        calls = read_calls(keys[::order], PREFIX)
        assert set(calls) == {"00000", "00001"}
        assert (calls["00000"].ended, calls["00000"].done, calls["00000"].failed) == (True, 8, 2)
        assert (calls["00001"].started, calls["00001"].ended, calls["00001"].done) == (True, False, 0)


def test_progress_counts_items_and_calls(client: LithopsClient) -> None:
    job = elsewhere(client, items=10, calls=3)
    follower = Follower(client, job, POLL)

    assert follower.poll() == Progress(total=10, done=0, failed=0, calls=3, started=0, ended=0)
    client.put(part_key(f"{job.round_prefix()}/00000", PartName(0, 4, 1)), b"")
    client.put(f"{job.round_prefix()}/00001/x.init", b"")
    assert follower.poll() == Progress(total=10, done=4, failed=1, calls=3, started=2, ended=0)
    assert not follower.over
    for number in range(3):
        client.put(f"{job.round_prefix()}/{number:05d}/status.json", b"")
    assert follower.poll().ended == 3
    assert (follower.over, follower.end.lost) == (True, None)


def test_a_poll_is_one_listing_and_reads_nothing(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[str] = []
    job = elsewhere(client, calls=3)
    for number in range(3):
        client.put(part_key(f"{job.round_prefix()}/{number:05d}", PartName(0, 1, 0)), b"")
    follower = Follower(client, job, POLL)

    def note(name: str, key: str) -> bool:
        requests.append(name)
        return False

    monkeypatch.setattr(client._internal_storage, "storage", FailingStorage(client.storage, note))
    follower.poll()

    assert requests == ["list_keys"]


def test_polls_become_rarer_while_nothing_changes(client: LithopsClient) -> None:
    job = elsewhere(client)
    follower = Follower(client, job, 10.0)
    follower.poll()
    delays = []
    for _ in range(10):
        follower.poll()
        delays.append(follower.delay)
    client.put(f"{job.round_prefix()}/00000/x.init", b"")
    follower.poll()

    assert delays == sorted(delays)
    assert 10.0 < delays[-1] < 60.0
    assert follower.delay == 10.0


# -- ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("storage", "least", "share"), [("localhost", 0.01, 0.1), ("aws_s3", 0.5, 0.3)])
def test_a_young_round_is_looked_at_more_often(
    storage: str, least: float, share: float, client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LithopsClient, "storage_backend", storage)
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    follower = Follower(client, elsewhere(client, calls=1), 100.0)
    follower.poll()

    assert follower.soon == least
    now[0] = 200.0
    assert follower.soon == pytest.approx(200.0 * share)
    now[0] = 10_000.0
    assert follower.soon == follower.delay == pytest.approx(120.0)


def test_calls_that_have_stored_everything_need_not_report_their_end(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_END_GRACE", 0.1)
    job = elsewhere(client, items=10, calls=2)
    for number in range(2):
        client.put(part_key(f"{job.round_prefix()}/{number:05d}", PartName(0, 5, 0)), b"")
    follower = Follower(client, job, POLL)

    last = follow(follower, lambda progress: None, time.time() + HANGS)

    assert (last.done, last.ended, follower.end.lost) == (10, 0, None)


@pytest.mark.parametrize("started", [False, True], ids=["never started", "started and never reported"])
def test_calls_that_are_not_heard_of_are_given_up(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, started: bool
) -> None:
    monkeypatch.setattr(module, "START_GRACE", 0.2)
    job = elsewhere(client, timeout=0.2)
    if started:
        client.put(f"{job.round_prefix()}/00000/x.init", b"")
    follower = Follower(client, job, POLL)

    follow(follower, lambda progress: None, time.time() + HANGS)

    assert follower.end.lost is not None
    assert "nothing was heard of it for" in follower.end.lost
    assert "more than its timeout of 0.2 s" in follower.end.lost


def test_a_job_that_makes_progress_is_not_given_up(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_GRACE", 0.3)
    job = elsewhere(client, items=100, calls=1, timeout=0.3)
    follower = Follower(client, job, POLL)
    begin = time.monotonic()
    for done in range(1, 11):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda done=done: begin + 0.5 * done))
        client.put(part_key(f"{job.round_prefix()}/00000", PartName(0, done, 0)), b"")
        follower.poll()
        assert not follower.over
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: begin + 0.5 * 10 + 0.7))
    follower.poll()
    assert follower.over


def test_who_stops_the_waiting_need_not_wait_for_the_next_look(client: LithopsClient) -> None:
    follower = Follower(client, elsewhere(client), poll_interval=3600.0)
    end = time.monotonic() + 0.3

    follow(follower, lambda progress: None, None, lambda: time.monotonic() > end)

    assert not follower.over


def test_the_deadline_ends_the_waiting_and_says_how_far_it_is(client: LithopsClient) -> None:
    job = elsewhere(client, items=10)
    client.put(part_key(f"{job.round_prefix()}/00000", PartName(0, 4, 0)), b"")

    with pytest.raises(JobTimeoutError, match="not done within its job_timeout: 4 of 10 items"):
        follow(Follower(client, job, POLL), lambda progress: None, time.time() + 0.2)


def test_progress_is_told_after_each_poll(client: LithopsClient) -> None:
    job = elsewhere(client)
    told: list[Progress] = []

    follow(Follower(client, job, POLL), told.append, None, lambda: len(told) >= 2)

    assert len(told) == 2


# -- the storage -----------------------------------------------------------------------------------------------


def _with_storage(client: LithopsClient, fails: Callable[[str, str], bool], **limits: float) -> LithopsClient:
    failing = LithopsClient(client.config, **limits)
    failing._internal_storage.storage = FailingStorage(client.storage, fails)
    return failing


def test_a_storage_that_fails_in_passing_is_asked_again(client: LithopsClient) -> None:
    job = elsewhere(client, calls=1)
    client.put(f"{job.round_prefix()}/00000/status.json", b"")
    failing = _with_storage(client, times(2, "list_keys"), patience=HANGS)

    assert Follower(failing, job, POLL).poll().ended == 1


def test_a_storage_that_stays_away_is_an_error(client: LithopsClient) -> None:
    failing = _with_storage(client, times(1_000_000, "list_keys"), patience=0.5)

    with pytest.raises(StorageUnavailableError, match=r"'localhost' failed for 0.5 s, listing lithops.jobs/"):
        Follower(failing, elsewhere(client), POLL).poll()


def test_a_storage_that_hangs_is_an_error(client: LithopsClient) -> None:
    never = threading.Event()

    def hangs(name: str, key: str) -> bool:
        return never.wait(HANGS)

    hanging = _with_storage(client, hangs, patience=0.5, request_seconds=0.2)

    with pytest.raises(StorageUnavailableError, match=r"failed for 0.5 s.*no answer within 0\.2 s"):
        Follower(hanging, elsewhere(client), POLL).poll()
    never.set()


# -- a job that somebody has stopped ---------------------------------------------------------------------------


def test_calls_that_the_backend_has_ended_are_not_awaited_after_a_cancel(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Kubernetes, where a job's pods are deleted: they never report."""
    monkeypatch.setattr(module, "STOP_GRACE", 0.05)
    job = elsewhere(client)
    follower = Follower(client, job, POLL)
    client.put(job.stop_key(), BEGIN_NOTHING)  # those that have begun are awaited
    for _ in range(3):
        time.sleep(0.06)
        follower.poll()
        assert not follower.over

    cancel_job(client, job)
    follower.poll()
    wait_for(lambda: follower.poll() and follower.over)
    assert follower.end == RoundEnd("the job was cancelled")


def test_a_run_whose_job_was_cancelled_elsewhere_ends_though_no_call_reports(
    faas: FaasMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_GRACE", 0.2)
    monkeypatch.setattr(process_faas, "hold", True)
    client = faas()
    run = started(client, *bind_items(abs, [1, 2]))
    cancel_job(client, run.job)
    with pytest.raises(JobCancelledError):
        run.finish()


# -- the processes of a localhost job --------------------------------------------------------------------------


def test_a_runner_that_is_killed_is_found_and_what_it_left_is_run_one_by_one(
    client: LithopsClient, start_map: MapStarter, tally: Tally
) -> None:
    path = tally.path

    def sleep_at_first(x: int) -> int:
        leave_mark(path, str(x))
        time.sleep(600 if x == 1 and Path(path).read_text().split().count("1") == 1 else 0)
        return x

    run = start_map(sleep_at_first, range(3), batch_size=2)  # calls of one item and of two
    wait_for(lambda: len(tally.read()) == 2)
    wait_for(lambda: client.get(run.job.bucket, f"{run.job.round_prefix()}/00000/status.json") is not None)
    os.killpg(runner_of(run.job), signal.SIGKILL)
    run.finish()

    assert (run.results(), run.failures()) == ([0, 1, 2], [])
    assert sorted(tally.read()) == ["0", "1", "1", "2"]


def test_an_item_that_was_alone_when_the_runner_was_killed_is_blamed(start_map: MapStarter, tally: Tally) -> None:
    path = tally.path

    def sleep(x: int) -> None:
        leave_mark(path, str(x))
        time.sleep(600)

    run = start_map(sleep, [0])
    wait_for(lambda: tally.read() == ["0"])
    os.killpg(runner_of(run.job), signal.SIGKILL)
    run.finish()

    assert run.results() == [None]
    (failure,) = run.failures()
    assert failure.type == "CallLostError"
    assert "call 00000: the process that ran the calls on this machine is gone" in failure.message
    assert tally.read() == ["0"]


def waiting_for(gate: Path, tally: Tally) -> Callable[[int], int]:
    """Returns a function that leaves a mark and then waits until there is a file."""
    path = tally.path

    def wait(x: int) -> int:
        leave_mark(path, str(x))
        while not gate.exists():
            time.sleep(0.02)
        return x

    return wait


def test_what_had_not_begun_when_the_runner_was_killed_is_sent_again(
    start_map: MapStarter, tally: Tally, tmp_path: Any
) -> None:
    gate = tmp_path / "gate"
    run = start_map(waiting_for(gate, tally), range(30), batch_size=1)
    wait_for(lambda: tally.read() != [])
    os.killpg(runner_of(run.job), signal.SIGKILL)
    wait_for(lambda: not runner_pids(run.job))
    begun = {int(mark) for mark in tally.read()}
    gate.touch()
    run.finish()

    blamed = {failure.index for failure in run.failures()}
    assert begun <= blamed, "they had begun, and might have run twice"
    assert len(blamed) <= (os.cpu_count() or 1), "more than can have begun"
    assert run.results() == [None if x in blamed else x for x in range(30)]
    assert len(tally.read()) == len(set(tally.read()))


def test_a_runner_that_begins_nothing_is_started_three_times(
    start_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = "import sys\nif sys.argv[1] == 'run_job': sys.exit(1)\n"
    monkeypatch.setattr(localhost, "_RUNNER", ends + localhost._RUNNER)

    run = start_map(lambda x: x, range(4), batch_size=2)
    run.finish()

    assert [failure.type for failure in run.failures()] == ["CallLostError"] * 4
    assert len(run.job.rounds) == 3


def test_calls_whose_runner_alone_was_killed_still_count(start_map: MapStarter, tally: Tally, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    run = start_map(waiting_for(gate, tally), range(4), batch_size=2)
    wait_for(lambda: len(tally.read()) == 2)
    os.kill(runner_of(run.job), signal.SIGKILL)
    gate.touch()
    run.finish()

    assert (run.results(), run.failures()) == ([0, 1, 2, 3], [])
    assert sorted(tally.read()) == ["0", "1", "2", "3"]


def test_a_job_elsewhere_is_never_taken_for_dead(client: LithopsClient) -> None:
    assert not runner_is_gone(elsewhere(client))


def test_a_job_is_not_taken_for_dead_because_of_an_earlier_look(
    client: LithopsClient, start_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at the process table serves all jobs for a while: not those that were sent after it."""
    monkeypatch.setattr(processes, "_FRESH", 30.0)
    runner_pids(elsewhere(client))
    run = start_map(lambda x: time.sleep(600), [1])

    over, _ = look_at_job(client, run.job)
    run.cancel()

    assert not over
