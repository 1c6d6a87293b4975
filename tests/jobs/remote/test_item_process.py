"""What a call believes of the process that runs its items, and when it gives it up."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pytest

from lithops_provider.jobs.remote import isolation
from lithops_provider.jobs.remote import item_process as module
from tests.jobs.batches import BatchRunner
from tests.jobs.failures import BLAMED, TIMEOUT, Tally, fail_as_told, leave_mark
from tools.waiting import HANGS


@pytest.mark.parametrize(("place", "value"), [(0, 4), (0, 1 << 40), (0, -1), (None, 1 << 40)])
def test_memory_that_a_function_has_written_into_is_not_believed(
    batch: BatchRunner, place: int | None, value: int
) -> None:
    def run(x: int) -> int:
        if x == 1:
            ring = _runner().ring
            if place is None:
                ring._ends[0] = value
            else:
                ring._places[place] = value
            time.sleep(600)
        return x

    done = batch(run, range(3), timeout=2)

    assert 1 in done.failures()
    assert done.summary is not None
    assert done.summary["left"] == 0
    assert set(done.results()) <= {0, 2}


def test_what_it_was_not_running_is_not_believed(batch: BatchRunner) -> None:
    def run(x: int) -> int:
        if x == 1:
            runner = _runner()
            pipe = runner.report._pipe.fd
            with tempfile.TemporaryFile() as reports:  # so that both arrive at once
                runner.report = type(runner.report)(reports.fileno())
                runner._send(3, 0, 0.0, 0.0, b"I3\n.")
                runner._send(1, 0, 0.0, 0.0, b"I9\n.")
                os.write(pipe, os.pread(reports.fileno(), 1000, 0))
            time.sleep(600)
        return x

    done = batch(run, range(4))

    assert "reported item 3" in done.failures()[1]["message"]
    assert done.results() == {0: 0, 2: 2, 3: 3}


def test_what_is_not_believed_of_a_process_that_has_ended_kills_nobody(
    batch: BatchRunner, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """Its process id may be another's by then. Here it still is the id of its group, which has to end in peace."""
    monkeypatch.setattr(isolation, "_TO_END", HANGS)
    program = f"trap 'echo asked >> {tally.path}; exit' TERM; echo ready; while :; do sleep 0.05; done"

    def run(x: int) -> None:
        left = subprocess.Popen(["sh", "-c", program], stdout=subprocess.PIPE)
        assert left.stdout is not None
        left.stdout.readline()
        _runner().ring._places[0] = 1 << 40
        os._exit(0)

    done = batch(run, range(1))

    assert "reported more items than it was to run" in done.failures()[0]["message"]
    assert tally.read() == ["asked"]


def _runner() -> Any:
    frame = sys._getframe()
    while frame.f_code.co_name != "_run_items":
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_locals["self"]


@pytest.mark.parametrize("failure", [name for name in BLAMED if "timeout" in name])
def test_the_only_item_of_a_batch_is_held_to_its_timeout(
    batch: BatchRunner, tally: Tally, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    monkeypatch.setattr(module, "_GRACE", 0.3)

    done = batch(fail_as_told, [failure], {"tally": tally.path}, timeout=TIMEOUT)

    assert list(done.failures()) == [0]
    assert done.failures()[0]["type"] == "TimeoutError"
    assert BLAMED[failure][1] in done.failures()[0]["message"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_function_that_cannot_be_loaded_fails_all_items(batch: BatchRunner, count: int) -> None:
    done = batch(abs, range(count), raw=b"cno_such_module\nf\n.")

    assert len(done.failures()) == count
    for failure in done.failures().values():
        assert failure["type"] == "ModuleNotFoundError"
        assert "can't be loaded in the runtime" in failure["message"]
        assert "no_such_module" in failure["message"]


class _Loading:
    """Runs something when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.reduced = function, args

    def __reduce__(self) -> Any:
        return self.reduced


def _mark_and_die(tally: str, number: int) -> None:
    leave_mark(tally, "loaded")
    os.kill(os.getpid(), number)


def _mark_and_sleep(tally: str) -> None:
    leave_mark(tally, "loaded")
    time.sleep(600)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (40, "signal 40")])  # a real-time one
def test_a_function_that_kills_its_process_when_it_is_loaded_is_not_loaded_for_each_item(
    batch: BatchRunner, tally: Tally, number: int, name: str
) -> None:
    done = batch(abs, range(50), raw=pickle.dumps(_Loading(_mark_and_die, tally.path, number)))

    assert len(done.failures()) == 50
    assert tally.read() == ["loaded"]
    assert done.failures()[49]["type"] == "ProcessDiedError"
    assert "loaded" in done.failures()[49]["message"]
    assert f"was killed by {name}" in done.failures()[49]["message"]


def test_a_function_that_takes_for_ever_to_load_is_given_up_once(
    batch: BatchRunner, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOAD_TIMEOUT", 0.5)
    monkeypatch.setattr(module, "_GRACE", 0.2)

    done = batch(abs, range(50), timeout=0.4, raw=pickle.dumps(_Loading(_mark_and_sleep, tally.path)))

    assert len(done.failures()) == 50
    assert tally.read() == ["loaded"]
    assert done.failures()[49]["type"] == "TimeoutError"
    assert "load" in done.failures()[49]["message"]
