from __future__ import annotations

import json
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs import run as module
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import Failure, JobCancelledError, JobTimeoutError
from lithops_provider.jobs.follow import follower as follow
from lithops_provider.jobs.follow.follower import Progress
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs import process_faas
from tests.jobs.conftest import POLL, FaasMaker, MapStarter, finished, started, wait_for
from tests.jobs.failures import (
    BLAMED,
    FAILURES,
    TIMEOUT,
    Tally,
    fail_as_told,
    fail_at_first,
    fail_for_good_at_one,
    leave_mark,
)
from tests.programs import run_forked


def run_of(
    client: LithopsClient, function: Any, iterdata: Any, options: Options | None = None, **settings: Any
) -> JobRun:
    spec = make_spec("map", *bind_items(function, iterdata), options or Options())
    return JobRun(client, spec, poll_interval=POLL, **settings)


# -- results ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "batch_size",
    ["auto", pytest.param(1, marks=pytest.mark.thorough), 3, pytest.param(100, marks=pytest.mark.thorough)],
)
def test_results_keep_order_and_length_and_none_stays_none(run_map: MapStarter, batch_size: Any) -> None:
    run = run_map(lambda x: None if x % 3 == 0 else x * x, range(10), batch_size=batch_size)

    assert run.results() == [None if x % 3 == 0 else x * x for x in range(10)]
    assert run.failures() == []


def test_every_item_runs_exactly_once(run_map: MapStarter, tally: Tally) -> None:
    run = run_map(lambda x: leave_mark(tally.path, str(x)), range(2_000))

    assert sorted(map(int, tally.read())) == list(range(2_000))
    assert run.results() == [None] * 2_000


def test_the_index_is_that_of_the_item_in_whatever_call_it_is(run_map: MapStarter) -> None:
    def show(storage: Any, x: int, id: int) -> tuple[int, int, str]:
        return x, id, storage.backend

    run = run_map(show, range(10, 17), batch_size=2)

    assert run.results() == [(10 + index, index, "localhost") for index in range(7)]


def test_progress_ends_with_everything_done(client: LithopsClient) -> None:
    told: list[Progress] = []
    run = run_of(client, lambda x: 1 // x, [1, 0, 2], Options(batch_size=2), on_progress=told.append)
    run.submit()
    run.finish()

    assert (told[-1].total, told[-1].done, told[-1].failed, told[-1].ended) == (3, 3, 1, 2)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_waiting_can_be_left_off_and_taken_up_again(client: LithopsClient, tmp_path: Path) -> None:
    go = tmp_path / "go"

    def wait_for_go(item: int) -> int:
        while not go.exists():
            time.sleep(0.05)
        return item

    run = run_of(client, wait_for_go, range(3))
    run.submit()
    assert run.finish(lambda: True) is False
    assert run.progress is not None
    assert (run.progress.done, run.progress.total) == (0, 3)
    go.touch()
    assert run.finish() is True
    assert run.results() == [0, 1, 2]


def test_the_last_look_is_after_the_waiting(client: LithopsClient) -> None:
    """However rare looks are: a job that is over meanwhile is not left."""
    run = run_of(client, lambda x: x, range(3))
    run.poll_interval = 600
    run.submit()
    assert run.finish(lambda: _has_ended(client, run.job)) is True


def _has_ended(client: LithopsClient, job: LithopsJob) -> bool:
    keys = client.keys(job.bucket, job.round_prefix())
    return sum(key.endswith("status.json") for key in keys) == job.rounds[-1].calls


def test_results_need_not_be_read(start_map: MapStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    from lithops.storage import Storage

    read: list[int] = []
    get_object = Storage.get_object

    def counted(*args: Any, **kwargs: Any) -> Any:
        data = get_object(*args, **kwargs)
        read.append(len(data))
        return data

    monkeypatch.setattr(Storage, "get_object", counted)
    run = start_map(lambda x: "a result" * 1_000_000 if x else 1 // x, [1, 0, 2], batch_size=1)
    run.read_results = False
    run.finish()

    assert 0 < sum(read) < 1_000_000, "the headers are read, the results aren't"
    assert (run.outcomes.succeeded, run.outcomes.failed) == (2, [1])
    assert [failure.type for failure in run.failures()] == ["ZeroDivisionError"]


# -- failures --------------------------------------------------------------------------------------------------

ITEMS = ["first", *(item for failure in FAILURES for item in (failure, f"after {failure}"))]


class Ended:
    """What became of a job in which items failed in every way."""

    def __init__(self, batch_size: Any, folder: Path) -> None:
        tally = Tally(folder / "tally")
        client = LithopsClient(resolve_config())
        bound = bind_items(fail_as_told, ITEMS, {"tally": tally.path})
        run = finished(client, *bound, batch_size=batch_size, timeout=TIMEOUT)
        self.results = run.results()
        self.failures: dict[str, Failure] = {ITEMS[failure.index]: failure for failure in run.failures()}
        self.ran = tally.read()
        self.rounds = len(run.job.rounds)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(1, id="one by one", marks=pytest.mark.thorough),  # tests/jobs/remote/test_batch.py has that, too
        pytest.param(len(ITEMS), id="in one batch"),
    ],
)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return Ended(request.param, tmp_path_factory.mktemp("failures"))


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_blamed_on_its_item(ended: Ended, failure: str) -> None:
    kind, text = BLAMED[failure]

    assert ended.failures[failure].type == kind
    assert text in ended.failures[failure].message
    assert ended.failures[failure].item.startswith(repr(failure))


def test_the_other_items_keep_their_results(ended: Ended) -> None:
    assert set(ended.failures) == set(FAILURES)
    assert ended.results == [None if item in FAILURES else item for item in ITEMS]


def test_nothing_ran_twice(ended: Ended) -> None:
    assert sorted(ended.ran) == sorted(item.replace(" ", "_") for item in ITEMS)
    assert ended.rounds == 1


# -- what a call had no time for, or took down with it ---------------------------------------------------------


def test_what_is_handed_back_is_sent_again_until_all_is_done(faas: FaasMaker, tally: Tally) -> None:
    def nap(x: int) -> int:
        leave_mark(tally.path, str(x))
        time.sleep(0.8)
        return x

    run = finished(faas(max_workers=1, runtime_timeout=10), *bind_items(nap, range(10)))  # Lithops keeps 5 for itself

    assert (run.results(), run.failures()) == (list(range(10)), [])
    assert set(map(int, tally.read())) == set(range(10))
    assert len(run.job.rounds) > 1
    # Of each call that time is up for, at most the item that runs is handed back.
    assert len(tally.read()) < 10 + len(run.job.rounds)


def test_a_call_whose_machine_is_gone_is_given_up(
    faas: FaasMaker, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep_at_one(x: int) -> int:
        leave_mark(tally.path, str(x))
        time.sleep(600 if x == 1 else 0)
        return x

    run = started(faas(max_workers=2), *bind_items(sleep_at_one, [0, 1, 2]), timeout=1000)
    wait_for(lambda: sorted(tally.read()) == ["0", "1"])
    wait_for(lambda: run.client.get(run.job.bucket, f"{run.job.round_prefix()}/00000/status.json") is not None)
    os.killpg(process_faas.processes[1].pid, signal.SIGKILL)
    monkeypatch.setattr(follow, "START_GRACE", -999.5)
    run.finish()

    assert run.results() == [0, None, None]
    assert [(failure.index, failure.type) for failure in run.failures()] == [(1, "CallLostError"), (2, "CallLostError")]
    assert "nothing was heard of it" in run.failures()[0].message


# -- trying again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 5])
def test_failed_items_are_sent_again_as_often_as_allowed(
    client: LithopsClient, tally: Tally, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(module, "_RETRY_DELAY", (0.01, 0.01))
    run = run_of(client, partial(fail_at_first, tally=tally.path, times=times), range(3), item_retries=1)
    run.submit()
    run.finish()

    assert run.results() == [0, 1 if times == 1 else None, 2]
    assert sorted(tally.read()) == ["0", "1", "1", "2"]
    assert len(run.failures()) == (times == 5)


def test_an_item_that_failed_for_good_is_not_sent_again(client: LithopsClient, tally: Tally) -> None:
    first = run_of(client, partial(fail_for_good_at_one, tally=tally.path), range(3), item_retries=2)
    first.submit()
    first.finish()
    again = run_of(client, partial(fail_for_good_at_one, tally=tally.path), range(3), item_retries=2)
    again.attach(first.job)
    again.finish()

    for run in (first, again):
        assert run.results() == [0, None, 2]
        assert [(failure.type, failure.final) for failure in run.failures()] == [("AirflowFailException", True)]
    assert sorted(tally.read()) == ["0", "1", "2"]


@pytest.mark.parametrize("rounds", [1, 2])
def test_another_process_goes_on_with_a_job_and_sends_only_what_failed(
    client: LithopsClient, tally: Tally, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(module, "_RETRY_DELAY", (0.01, 0.01))
    function = partial(fail_at_first, tally=tally.path, times=rounds)
    first = run_of(client, function, range(3), item_retries=rounds - 1)
    first.submit()
    first.finish()

    again = run_of(client, function, range(3))
    again.attach(first.job)
    again.finish()

    assert len(first.failures()) == 1
    assert (again.results(), again.failures()) == ([0, 1, 2], [])
    assert sorted(tally.read()) == ["0", *["1"] * (rounds + 1), "2"]


# -- ends that are no result -----------------------------------------------------------------------------------


def test_a_job_that_passes_its_deadline_is_an_error(client: LithopsClient) -> None:
    run = run_of(client, lambda x: time.sleep(600), [1], deadline=time.time() + 1)
    run.submit()
    try:
        with pytest.raises(JobTimeoutError, match="0 of 1 items are"):
            run.finish()
    finally:
        run.cancel()


def test_a_job_that_somebody_cancels_meanwhile_ends_as_cancelled(faas: FaasMaker, tally: Tally) -> None:
    """As when its task is cleared, or a person stops it: what the calls hand back must not be sent again."""
    run = started(faas(max_workers=1), *bind_items(lambda x: leave_mark(tally.path, str(x)), range(3)))
    cancel_job(run.client, run.job)
    with pytest.raises(JobCancelledError):
        run.finish()

    assert len(run.job.rounds) == 1


def test_a_job_that_is_cancelled_before_it_is_sent_is_not_sent(client: LithopsClient, tally: Tally) -> None:
    run = run_of(client, lambda x: leave_mark(tally.path, str(x)), range(3))

    assert run.cancel() is False
    with pytest.raises(JobCancelledError, match="cancelled before all of it was sent"):
        run.submit()
    assert run.job.rounds == ()
    assert tally.read() == []


# -- memory ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "memories"), [pytest.param(2048, [512, 1024, 2048], marks=pytest.mark.thorough), (700, [512, 700, 700])]
)
def test_an_item_that_runs_out_of_memory_gets_twice_as_much_up_to_the_limit(
    faas: FaasMaker, limit: int, memories: list[int]
) -> None:
    client = faas(runtime_memory=512, max_workers=1)
    run = run_of(client, lambda megabytes: len(bytes(megabytes << 20)), [1, 1200], item_retries=2)
    run.max_runtime_memory = limit
    run.submit()
    run.finish()

    assert run.results() == [1 << 20, 1200 << 20 if limit == 2048 else None]
    assert [failure.type for failure in run.failures()] == ([] if limit == 2048 else ["MemoryError"])
    assert process_faas.memories == memories


def test_without_a_limit_memory_stays_as_it_is(faas: FaasMaker) -> None:
    run = run_of(faas(runtime_memory=512, max_workers=1), lambda megabytes: bytes(megabytes << 20), [1200])
    run.item_retries = 1
    run.submit()
    run.finish()

    assert process_faas.memories == [512, 512]


# -- calls and storage that come to harm -----------------------------------------------------------------------


def test_a_batch_that_dies_is_run_again_item_by_item(run_map: MapStarter, tally: Tally) -> None:
    def take_the_batch_down(x: int) -> int:
        leave_mark(tally.path, str(x))
        if x == 1:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(0.3)
        return x * x

    run = run_map(take_the_batch_down, range(4), batch_size=4)

    assert run.results() == [0, None, 4, 9]
    assert [failure.index for failure in run.failures()] == [1]
    assert [entry.calls for entry in run.job.rounds] == [1, 4]


def test_a_bucket_that_is_emptied_meanwhile_costs_no_result(start_map: MapStarter, tally: Tally) -> None:
    def nap(x: int) -> int:
        leave_mark(tally.path, str(x))
        time.sleep(0.1)
        return x * x

    run = start_map(nap, range(80), max_concurrency=2)
    wait_for(lambda: len(tally.read()) >= 4)
    run.clean()
    run.finish()

    assert run.results() == [x * x for x in range(80)]


def test_a_retry_goes_on_where_the_sending_process_died(faas: FaasMaker, tally: Tally, tmp_path: Path) -> None:
    """On a FaaS backend calls that were sent and those that weren't can't be told apart: none may run twice."""

    def mark(x: int) -> int:
        leave_mark(tally.path, str(x))
        return x * x

    client = faas(max_workers=4, invoke_pool_threads=1)
    spec = make_spec("map", *bind_items(mark, range(8)), Options(batch_size=1))
    value = tmp_path / "job.json"
    run = JobRun(client, spec, record=lambda job: bool(value.write_text(json.dumps(job.to_dict()))), poll_interval=POLL)
    process_faas.die_after = 3
    assert run_forked(run.submit) == -signal.SIGKILL
    process_faas.die_after = None
    wait_for(lambda: len(tally.read()) == 3)

    again = JobRun(client, spec, poll_interval=POLL)
    again.attach(LithopsJob.from_dict(json.loads(value.read_text())))
    again.finish()

    assert (again.results(), again.failures()) == ([x * x for x in range(8)], [])
    assert sorted(tally.read()) == [str(x) for x in range(8)]
