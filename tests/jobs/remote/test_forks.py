"""Functions that start other processes: only the one that was started to run items reports any."""

# ruff: noqa: T201 - functions print

from __future__ import annotations

import concurrent.futures
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import wait_for
from tests.jobs.failures import Tally, leave_mark

#: An item alone, and one in the midst of others, which shows that, too.
EVERY_WAY = pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.thorough), 6])

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def in_both(then: Callable[[], Any]) -> Any:
    """Forks, and does the same in both processes."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    return then()


def in_child(then: Callable[[], Any]) -> None:
    pid = os.fork()
    if pid == 0:
        then()
        return  # out of the function, as the parent does
    os.waitpid(pid, 0)


def in_child_of_c(then: Callable[[], Any]) -> None:
    """Forks behind Python's back."""
    pid = ctypes.CDLL(None).fork()
    if pid == 0:
        then()
        return
    os.waitpid(pid, 0)


def in_thread() -> None:
    thread = threading.Thread(target=in_child, args=(lambda: None,))
    thread.start()
    thread.join()


def in_pool(method: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        tempfile.tempdir = short  # forkserver puts a socket there, whose path mustn't be long
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(abs, range(-4, 0)) == [4, 3, 2, 1]


def in_executor() -> None:
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(abs, range(-4, 0))) == [4, 3, 2, 1]


def in_process_that_exits() -> None:
    process = multiprocessing.get_context("fork").Process(target=sys.exit, args=(3,))
    process.start()
    process.join()
    assert process.exitcode == 3


def in_subprocess() -> None:
    assert subprocess.run(["sh", "-c", "exit 3"], check=False, preexec_fn=lambda: None).returncode == 3
    assert os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1]) == 0


def in_daemon(tally: str) -> None:
    """Leaves a process in a session of its own, which comes back out of the function when the batch goes on."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print("the daemon speaks")
            time.sleep(0.5)
            leave_mark(tally, "daemon")
            return
        os._exit(0)
    os.wait()


def _raise() -> None:
    raise ValueError("in the child")


STARTS: dict[str, Callable[[], Any]] = {
    "child exits": lambda: in_child(lambda: sys.exit(0)),
    "child exits with a text": lambda: in_child(lambda: sys.exit("no")),
    "child ends itself": lambda: in_child(lambda: os._exit(0)),
    "child returns": lambda: in_child(lambda: None),
    "child raises": lambda: in_child(_raise),
    "child is interrupted": lambda: in_child(lambda: signal.raise_signal(signal.SIGINT)),
    "child is killed": lambda: in_child(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "child of a child": lambda: in_child(lambda: in_child(_raise)),
    "child of C": lambda: in_child_of_c(_raise),
    "child of a thread": in_thread,
    "subprocess": in_subprocess,
    "pool by fork": lambda: in_pool("fork"),
    "pool by spawn": lambda: in_pool("spawn"),
    "pool by forkserver": lambda: in_pool("forkserver"),
    "executor": in_executor,
    "process": in_process_that_exits,
}


@EVERY_WAY
@pytest.mark.parametrize("start", STARTS)
def test_only_the_process_that_runs_items_reports(batch: BatchRunner, start: str, count: int) -> None:
    def run(x: int) -> int:
        if x == count // 2:
            STARTS[start]()
        return x * 10

    done = batch(run, range(count))

    assert done.failures() == {}
    assert done.results() == {x: x * 10 for x in range(count)}
    assert done.summary == {"done": count, "failed": 0, "left": 0}


@EVERY_WAY
@pytest.mark.parametrize(
    ("then", "code"), [(lambda: None, 0), (_raise, 1), (lambda: sys.exit(3), 3)], ids=["returns", "raises", "exits"]
)
def test_a_child_that_leaves_the_function_ends_as_programs_do(
    batch: BatchRunner, then: Callable[[], Any], code: int, count: int
) -> None:
    def run(x: int) -> Any:
        pid = os.fork()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else then()

    assert batch(run, range(count)).results() == dict.fromkeys(range(count), code)


@EVERY_WAY
def test_both_processes_raise(batch: BatchRunner, count: int) -> None:
    def run(x: int) -> int:
        return in_both(lambda: 1 // 0) if x == count // 2 else x

    done = batch(run, range(count))

    assert {index: failure["type"] for index, failure in done.failures().items()} == {count // 2: "ZeroDivisionError"}
    assert done.results() == {x: x for x in range(count) if x != count // 2}


def test_a_later_item_that_dies_is_blamed_itself(batch: BatchRunner) -> None:
    def run(x: int) -> int:
        if x == 1:
            in_child(lambda: None)
        if x == 3:
            os._exit(5)
        return x

    done = batch(run, range(6))

    assert list(done.failures()) == [3]
    assert done.results() == {x: x for x in range(6) if x != 3}


def test_the_item_dies_and_its_child_returns(batch: BatchRunner) -> None:
    def run(x: int) -> int:
        if x == 1 and os.fork():
            os.wait()
            os._exit(5)
        return x

    done = batch(run, range(4))

    assert list(done.failures()) == [1]
    assert done.results() == {0: 0, 2: 2, 3: 3}


@EVERY_WAY
def test_what_a_child_raises_is_shown(batch: BatchRunner, count: int) -> None:
    done = batch(lambda x: in_child(_raise), range(count))

    assert done.failures() == {}
    for index in range(count):
        assert "ValueError: in the child" in done.outcomes[index].output


class ForksWhenPickled:
    def __reduce__(self) -> Any:
        in_child(lambda: None)
        return int, (7,)


class ForksWhenShownError(Exception):
    def __str__(self) -> str:
        in_child(lambda: None)
        return "shown"


@EVERY_WAY
def test_a_fork_while_a_result_is_pickled_or_an_exception_shown(batch: BatchRunner, count: int) -> None:
    def run(x: int) -> Any:
        if x % 2:
            raise ForksWhenShownError
        return ForksWhenPickled()

    done = batch(run, range(count))

    assert done.results() == dict.fromkeys(range(0, count, 2), 7)
    assert list(done.failures()) == list(range(1, count, 2))
    assert all(failure["message"] == "shown" for failure in done.failures().values())


def test_a_daemon_that_lives_on_reports_nothing(batch: BatchRunner, tally: Tally) -> None:
    def run(x: int) -> int:
        if x == 1:
            in_daemon(tally.path)
        if x > 3:
            time.sleep(0.3)
        return x

    done = batch(run, range(6))

    assert done.results() == {x: x for x in range(6)}
    wait_for(lambda: tally.read() == ["daemon"])


@pytest.mark.parametrize("count", [1, 4])
def test_another_program_in_the_place_of_the_process(batch: BatchRunner, count: int) -> None:
    def run(x: int) -> int:
        if x == 0:
            os.execv("/bin/true", ["true"])
        return x

    done = batch(run, range(count))

    assert "exit code 0" in done.failures()[0]["message"]
    assert done.results() == {x: x for x in range(1, count)}


def test_a_function_that_closes_all_files_harms_only_itself(batch: BatchRunner, tmp_path: Path) -> None:
    def run(x: int) -> int:
        if x == 1:
            os.closerange(3, 200)
            for number in range(50):  # they get the numbers
                os.write(os.open(tmp_path / str(number), os.O_WRONLY | os.O_CREAT), b"mine")
            print("the function speaks")
        return x

    done = batch(run, range(4))

    assert done.results() == {0: 0, 2: 2, 3: 3}
    assert "has closed the file descriptor" in done.failures()[1]["traceback"]
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine"}


def test_a_function_that_closes_the_pipe_harms_nobody_if_there_is_nothing_to_say(
    batch: BatchRunner, tally: Tally
) -> None:
    """The items after it go on in another process; none is blamed, and none runs twice."""

    def run(x: int) -> int:
        leave_mark(tally.path, str(x))
        if x == 1:
            os.closerange(3, 200)
        if x == 3:
            time.sleep(0.2)
        return x

    done = batch(run, range(6))

    assert done.failures() == {}
    assert done.results() == {x: x for x in range(6)}
    assert tally.read() == [str(x) for x in range(6)]
