"""What functions leave running ends with their process, unless it has detached itself; and what else ends an item."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.remote import isolation
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import wait_for
from tests.jobs.failures import Tally, leave_mark


def _alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def leave(how: str) -> int:
    if how == "subprocess":
        return subprocess.Popen(["sleep", "600"]).pid
    if how == "deaf subprocess":
        return subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]).pid
    if how == "detached":
        return subprocess.Popen(["sleep", "600"], start_new_session=True).pid
    if how == "process":
        process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        process.start()
        assert process.pid is not None
        return process.pid
    reading, writing = os.pipe()
    if os.fork() == 0:
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        os.write(writing, str(pid).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reading, 100))


@pytest.mark.parametrize("how", ["subprocess", "deaf subprocess", "process", "grandchild"])
def test_what_a_function_leaves_running_is_ended_with_its_process(
    batch: BatchRunner, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(isolation, "_TO_END", 0.3)

    done = batch(lambda x: leave(how), range(2))

    assert done.failures() == {}
    assert [pid for pid in done.results().values() if _alive(pid)] == []


def test_what_has_detached_itself_goes_on(batch: BatchRunner) -> None:
    for pid in batch(lambda x: leave("detached"), range(2)).results().values():
        assert _alive(pid)
        os.kill(pid, signal.SIGKILL)


def linger(path: str) -> None:
    """Waits for a file as long as it takes a person to lose patience."""
    end = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.05)
    leave_mark(path + " seen", str(os.path.exists(path)))
    os._exit(0)


@pytest.mark.parametrize("exits", ["child", "parent"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_call_does_not_wait_for_what_has_detached_itself(
    batch: BatchRunner, tmp_path: Path, count: int, exits: str
) -> None:
    """Whoever calls it waits for its process by a pipe that all processes inherit which Python forks."""
    over = str(tmp_path / "the call is over")

    def run(x: int) -> int:
        detached, tell = os.pipe()
        if os.fork() == 0:
            os.setsid()
            os.write(tell, b"!")  # until then it belongs to the group, and ends with it
            linger(over)
        os.read(detached, 1)
        if exits == "parent":
            os._exit(3)
        return x

    done = batch(run, range(count))
    Path(over).touch()

    seen = Tally(tmp_path / "the call is over seen")
    wait_for(lambda: len(seen.read()) == count)
    assert seen.read() == ["True"] * count
    assert set(done.results()) == (set(range(count)) if exits == "child" else set())


@pytest.mark.parametrize("ends", ["timeout", "os._exit"])
def test_what_an_item_that_dies_has_started_is_ended_with_it(batch: BatchRunner, tally: Tally, ends: str) -> None:
    def run(x: int) -> None:
        if x == 1:
            leave_mark(tally.path, str(leave("subprocess")))
            if ends == "os._exit":
                os._exit(3)
            while True:
                with contextlib.suppress(BaseException):
                    time.sleep(600)

    done = batch(run, range(3), timeout=0.5)

    assert list(done.failures()) == [1]
    assert not _alive(int(tally.read()[0]))


def test_a_process_that_leaves_its_group_is_held_to_its_timeout_all_the_same(batch: BatchRunner) -> None:
    def run(x: int) -> int:
        if x == 1:
            os.setpgid(0, os.getpgid(os.getppid()))
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            time.sleep(600)
        return x

    done = batch(run, range(3), timeout=0.5)

    assert done.results() == {0: 0, 2: 2}
    assert done.failures()[1]["type"] == "TimeoutError"


def test_a_function_that_kills_its_group_takes_nothing_else_along(batch: BatchRunner) -> None:
    def run(x: int) -> int:
        if x == 1:
            os.killpg(0, signal.SIGKILL)
        return x

    done = batch(run, range(3))

    assert done.results() == {0: 0, 2: 2}
    assert "SIGKILL" in done.failures()[1]["message"]


def test_an_item_ends_with_the_call_that_is_killed(batch: BatchRunner, tally: Tally) -> None:
    def run(x: int) -> None:
        leave_mark(tally.path, str(os.getpid()))
        time.sleep(600)

    def kill(pid: int, settings: dict[str, Any]) -> None:
        wait_for(lambda: tally.read() != [])
        os.kill(pid, signal.SIGKILL)

    batch(run, range(2), while_it_runs=kill)

    wait_for(lambda: not _alive(int(tally.read()[0])))
