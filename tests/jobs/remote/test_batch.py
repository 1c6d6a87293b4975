"""Batches as such; what functions do in them is in test_items.py."""

# ruff: noqa: T201 - functions print

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import isolation
from lithops_provider.jobs.remote import item_process as module
from lithops_provider.jobs.remote.keys import BEGUN
from lithops_provider.jobs.remote.parts import parse_part_name
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import wait_for
from tests.jobs.failures import BLAMED, TIMEOUT, Tally, fail_as_told, leave_mark


def double(x: int) -> int:
    return x * 2


# -- what is stored --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 100])
def test_every_item_gets_its_outcome(batch: BatchRunner, count: int) -> None:
    done = batch(double, range(count))

    assert done.summary == {"done": count, "failed": 0, "left": 0}
    assert done.results() == {index: index * 2 for index in range(count)}
    assert len(done.keys) == 1
    assert parse_part_name(done.keys[0].rpartition("/")[2]) == (0, count, 0)


def test_indices_are_those_of_the_job_not_of_the_batch(batch: BatchRunner) -> None:
    def show(x: int, id: int) -> tuple[int, int]:
        return x, id

    done = batch(show, [10, 20], indices=[7, 3])

    assert done.results() == {7: (10, 7), 3: (20, 3)}


def test_outcomes_are_stored_while_it_runs(batch: BatchRunner, client: LithopsClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def wait_at_the_last(x: int) -> int:
        while x == 3 and not gate.exists():
            time.sleep(0.01)
        return x

    def look(pid: int, settings: dict[str, Any]) -> None:
        wait_for(lambda: any("-00000003-" in key for key in client.keys(client.bucket, settings["job_prefix"] + "/")))
        gate.touch()

    done = batch(wait_at_the_last, range(4), flush=0.05, while_it_runs=look)

    assert done.results() == {0: 0, 1: 1, 2: 2, 3: 3}
    assert len(done.keys) == 1, "parts that were replaced are still there"


def test_what_is_done_before_a_slow_item_is_stored_while_that_runs(
    batch: BatchRunner, client: LithopsClient, tmp_path: Path
) -> None:
    """All of them are over within the same few milliseconds, so that nothing but the parent's look tells of them."""
    gate = tmp_path / "gate"

    def wait_at_the_last(x: int) -> int:
        while x == 500 and not gate.exists():
            time.sleep(0.01)
        return x

    def look(pid: int, settings: dict[str, Any]) -> None:
        wait_for(lambda: any("-00000500-" in key for key in client.keys(client.bucket, settings["job_prefix"] + "/")))
        gate.touch()

    done = batch(wait_at_the_last, range(501), flush=0.05, while_it_runs=look)

    assert done.results() == {index: index for index in range(501)}


def test_results_of_all_sizes_arrive_in_order(batch: BatchRunner) -> None:
    sizes = [0, 1, 10_000, 200_000, 300_000, 3, 5_000_000, 7, 150_000] * 6

    def make(x: int) -> bytes:
        if x == 3:
            print("speaks")
        return bytes([x % 251]) * x

    done = batch(make, sizes, part_size=1 << 20)

    assert done.results() == {index: bytes([size % 251]) * size for index, size in enumerate(sizes)}
    assert [outcome.output for outcome in done.outcomes.values()] == ["speaks\n" if x == 3 else "" for x in sizes]


def test_many_results_go_into_several_parts(batch: BatchRunner) -> None:
    done = batch(lambda x: bytes(50_000), range(40), part_size=200_000)

    assert done.results() == {index: bytes(50_000) for index in range(40)}
    names = sorted(parse_part_name(key.rpartition("/")[2]) or (0, 0, 0) for key in done.keys)
    assert len(names) > 1
    assert [name[0] for name in names[1:]] == [name[1] for name in names[:-1]]


def test_a_result_larger_than_a_pipe_and_a_part(batch: BatchRunner) -> None:
    done = batch(lambda x: bytes([x]) * (10 << 20), [1, 2], part_size=1 << 20)

    assert [done.results()[0], done.results()[1]] == [b"\1" * (10 << 20), b"\2" * (10 << 20)]


@pytest.mark.parametrize("marked", [True, False])
def test_a_call_says_that_it_has_begun_where_that_is_wanted(
    batch: BatchRunner, client: LithopsClient, marked: bool
) -> None:
    done = batch(double, [1], marked=marked)

    folder = done.keys[0].rpartition("/")[0]
    assert (client.get(client.bucket, f"{folder}/{BEGUN}") is not None) == marked


# -- failures --------------------------------------------------------------------------------------------------

IN_THE_FUNCTION = [name for name in BLAMED if not name.startswith("result that")]


@pytest.mark.parametrize("failure", IN_THE_FUNCTION)
def test_a_failure_is_blamed_on_its_item_alone(
    batch: BatchRunner, tally: Tally, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.3)
    kind, text = BLAMED[failure]

    done = batch(fail_as_told, ["a", "b", failure, "c"], {"tally": tally.path}, timeout=TIMEOUT)

    assert done.summary == {"done": 4, "failed": 1, "left": 0}
    assert done.results() == {0: "a", 1: "b", 3: "c"}
    assert list(done.failures()) == [2]
    assert done.failures()[2]["type"] == kind
    assert text in done.failures()[2]["message"]
    assert tally.read() == ["a", "b", failure.replace(" ", "_"), "c"]


def test_failures_side_by_side_are_each_blamed(batch: BatchRunner, tally: Tally) -> None:
    items = ["kill", "segfault", "a", "os._exit", "value", "kill"]

    done = batch(fail_as_told, items, {"tally": tally.path})

    assert done.results() == {2: "a"}
    assert {index: failure["type"] for index, failure in done.failures().items()} == {
        **{0: "ProcessDiedError", 1: "ProcessDiedError", 3: "ProcessDiedError"},
        **{4: "ValueError", 5: "ProcessDiedError"},
    }
    assert tally.read() == items


@pytest.mark.parametrize("ends", ["os._exit", "kill", "segfault"])
def test_of_many_short_items_exactly_the_one_that_dies_is_blamed_and_none_runs_twice(
    batch: BatchRunner, tally: Tally, ends: str
) -> None:
    def run(x: int) -> Any:
        leave_mark(tally.path, str(x))
        if x % 1000 == 700:
            fail_as_told(ends, tally.path)
        if x % 1000 == 300:
            raise ValueError(x)
        return x

    done = batch(run, range(3000))
    failures = done.failures()

    assert sorted(failures) == [300, 700, 1300, 1700, 2300, 2700]
    assert {failures[index]["type"] for index in (700, 1700, 2700)} == {"ProcessDiedError"}
    assert done.results() == {x: x for x in range(3000) if x not in failures}
    assert [int(x) for x in tally.read() if x.isdigit()] == list(range(3000))


def test_a_segfault_shows_where(batch: BatchRunner, tally: Tally) -> None:
    done = batch(fail_as_told, ["segfault", "a"], {"tally": tally.path})

    assert "Segmentation fault" in done.failures()[0]["traceback"]
    assert "fail_as_told" in done.failures()[0]["traceback"]


def test_what_a_dead_item_printed_is_kept(batch: BatchRunner) -> None:
    def speak_and_die(x: int) -> int:
        print(f"item {x} speaks")
        os._exit(x)

    done = batch(speak_and_die, [1, 2])

    assert "item 1 speaks" in done.outcomes[0].output
    assert "item 2 speaks" in done.outcomes[1].output
    assert "item 2" not in done.outcomes[0].output


# -- time is up, or somebody stops it --------------------------------------------------------------------------


def test_what_there_is_no_time_for_is_handed_back(batch: BatchRunner, tally: Tally) -> None:
    def slow(x: int) -> int:
        leave_mark(tally.path, str(x))
        time.sleep(0.2)
        return x

    done = batch(slow, range(50), limit=2.0)

    assert done.summary is not None
    count = done.summary["done"]
    assert 0 < count < 50
    assert done.summary == {"done": count, "failed": 0, "left": 50 - count}
    assert sorted(done.results()) == list(range(count))
    assert tally.read()[:count] == [str(x) for x in range(count)]
    assert len(tally.read()) <= count + 1, "at most one more had begun"


def test_an_item_that_still_runs_when_time_is_up_is_handed_back(batch: BatchRunner, tally: Tally) -> None:
    """Otherwise Lithops would end the call, and what is done but not stored would be lost."""

    def slow_at_two(x: int) -> int:
        leave_mark(tally.path, str(x))
        time.sleep(600 if x == 2 else 0)
        return x

    done = batch(slow_at_two, range(5), limit=3.0, timeout=2.95)

    assert done.summary == {"done": 2, "failed": 0, "left": 3}
    assert done.results() == {0: 0, 1: 1}
    assert tally.read() == ["0", "1", "2"]


def test_the_first_item_has_all_the_time_there_is_and_is_then_blamed(batch: BatchRunner) -> None:
    """If it were handed back, it would be sent again for ever."""
    done = batch(lambda x: time.sleep(600), range(3), limit=1.0, timeout=0.95)

    assert done.summary is not None
    assert done.failures()[0]["type"] == "TimeoutError"
    assert done.summary["left"] == 2


def test_one_item_is_run_however_little_time_there_is(batch: BatchRunner) -> None:
    """Otherwise rounds would follow each other for ever."""
    done = batch(lambda x: time.sleep(0.3), range(3), limit=0.01)

    assert done.summary == {"done": 1, "failed": 0, "left": 2}


def test_a_batch_of_a_stopped_job_does_nothing(batch: BatchRunner, client: LithopsClient, tally: Tally) -> None:
    key = "lithops.jobs/test-stop/stop"
    client.put(key, b"")

    done = batch(fail_as_told, ["a"], {"tally": tally.path}, stop_key=key)

    assert done.summary == {"done": 0, "failed": 0, "left": 1}
    assert tally.read() == []


def test_a_call_that_a_backend_runs_again_runs_nothing(batch: BatchRunner, tally: Tally) -> None:
    def die_with_all(x: int) -> None:
        leave_mark(tally.path, str(x))
        if x == 2:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)  # it ends with its parent

    died, again = (batch(die_with_all, [1, 2, 3], once=True) for _ in range(2))

    assert (died.exitcode, died.summary) == (-signal.SIGKILL, None)
    assert "MemoryError: the call died" in again.error
    assert tally.read() == ["1", "2"]


def test_the_marker_stops_a_running_batch(batch: BatchRunner, client: LithopsClient, tally: Tally) -> None:
    def stop(pid: int, settings: dict[str, Any]) -> None:
        wait_for(lambda: tally.read() == ["a", "timeout"])
        client.put(settings["stop_key"], b"")

    done = batch(fail_as_told, ["a", "timeout", "b"], {"tally": tally.path}, flush=0.1, while_it_runs=stop)

    assert done.summary == {"done": 1, "failed": 0, "left": 2}
    assert done.results() == {0: "a"}
    assert done.failures() == {}
    assert tally.read() == ["a", "timeout"]


def test_lithops_ends_a_call_by_sigterm_and_nothing_done_is_lost(
    batch: BatchRunner, tally: Tally, tmp_path: Path
) -> None:
    def tell_pid(x: str) -> Any:
        leave_mark(str(tmp_path / "pids"), str(os.getpid()))
        return fail_as_told(x, tally.path)

    def terminate(pid: int, settings: dict[str, Any]) -> None:
        wait_for(lambda: tally.read() == ["a", "deaf_timeout"])
        os.kill(pid, signal.SIGTERM)

    done = batch(tell_pid, ["a", "deaf timeout", "b"], while_it_runs=terminate)

    assert done.exitcode != 0
    assert done.results() == {0: "a"}
    assert done.failures() == {}
    for pid in set((tmp_path / "pids").read_text().split()):
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("ended_by", ["the system", "itself"])
def test_no_item_is_started_once_the_batch_is_gone(batch: BatchRunner, tally: Tally, ended_by: str) -> None:
    option = isolation._PDEATHSIG

    def mark(x: int) -> None:
        if ended_by == "itself":  # as on systems that end no process along with its parent
            ctypes.CDLL(None).prctl(option, 0, 0, 0, 0)
        leave_mark(tally.path, f"{x}:{os.getpid()}")
        time.sleep(0.3)

    def kill(pid: int, settings: dict[str, Any]) -> None:
        wait_for(lambda: tally.read() != [])
        os.kill(pid, signal.SIGKILL)

    done = batch(mark, range(20), while_it_runs=kill)
    ran = len(tally.read())
    # What would start one is the process that items run in.
    wait_for(lambda: not any(Path(f"/proc/{mark.partition(':')[2]}").exists() for mark in tally.read()))

    assert done.exitcode == -signal.SIGKILL
    assert len(tally.read()) <= ran + 1
