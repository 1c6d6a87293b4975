"""What functions do, as they run in a batch."""

# ruff: noqa: T201 - functions print

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.remote import item_process
from lithops_provider.jobs.remote.items import (
    dump_result,
)
from tests.jobs.batches import BatchRunner
from tests.jobs.failures import Tally, leave_mark

#: A single item runs in the process of the call, several in a child of it.
EITHER_WAY = pytest.mark.parametrize("count", [1, 3])

# -- what it prints and logs -----------------------------------------------------------------------------------


@EITHER_WAY
def test_all_that_an_item_prints_is_kept_for_that_item(batch: BatchRunner, count: int) -> None:
    def speak(x: int) -> None:
        print(f"python {x}")
        subprocess.run(["echo", f"subprocess {x}"], check=True)
        ctypes.CDLL(None).puts(f"c {x}".encode())
        logging.info("info %s", x)
        logging.getLogger("user.module").warning("warning %s", x)
        logging.debug("debug %s", x)

    done = batch(speak, range(count))

    for index in range(count):
        lines = done.outcomes[index].output.splitlines()
        assert sorted(lines) == sorted(
            [
                f"python {index}",
                f"subprocess {index}",
                f"c {index}",
                f"INFO - info {index}",
                f"WARNING - warning {index}",
            ]
        )


def test_what_is_printed_through_a_file_opened_anew_is_the_items(batch: BatchRunner) -> None:
    def speak(x: int) -> None:
        if x % 2:
            subprocess.run(f"echo from {x} > /dev/stderr", shell=True, check=True)

    done = batch(speak, range(4))

    assert [done.outcomes[index].output for index in range(4)] == ["", "from 1\n", "", "from 3\n"]


def test_what_a_quick_item_prints_now_and_then_is_its_own(batch: BatchRunner) -> None:
    ways = {
        100: lambda: os.write(1, b"100"),
        101: lambda: print("101", end=""),
        1502: lambda: ctypes.CDLL(None).printf(b"1502"),
    }

    def function(x: int) -> int:
        if x in ways:
            ways[x]()
        return x

    done = batch(function, range(3000))

    assert list(done.results().values()) == list(range(3000))
    assert {outcome.item: outcome.output for outcome in done.outcomes.printed()} == {x: str(x) for x in ways}


@EITHER_WAY
def test_a_function_that_prints_100_mb_is_bounded(batch: BatchRunner, count: int) -> None:
    def flood(x: int) -> int:
        for _ in range(100):
            print("x" * (1 << 20))
        return x

    done = batch(flood, range(count), output_limit=1000)

    assert done.results() == {index: index for index in range(count)}
    assert all(len(outcome.output) < 1100 for outcome in done.outcomes.values())
    assert "more bytes of output were dropped" in done.outcomes[0].output


def test_a_thousand_chatty_items_are_bounded_together(batch: BatchRunner) -> None:
    done = batch(lambda x: print("x" * 1000), range(1000), output_limit=1000)

    assert len(done.results()) == 1000
    assert sum(len(outcome.output) for outcome in done.outcomes.values()) < 50_000


def test_the_worker_logs_as_before_once_the_item_is_done(batch: BatchRunner, tmp_path: Any) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = logging.FileHandler(tmp_path / "log")
    try:
        root.handlers[:] = [before]
        root.setLevel(logging.WARNING)

        def look(x: int) -> None:
            logging.info("inside")

        done = batch(look, [1], after=lambda: logging.warning("after"))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        before.close()

    assert done.outcomes[0].output == "INFO - inside\n"
    assert (tmp_path / "log").read_text() == "after\n"


# -- what it does ----------------------------------------------------------------------------------------------


@EITHER_WAY
def test_a_timeout_cannot_be_swallowed_by_except_exception(batch: BatchRunner, count: int) -> None:
    def swallow(x: int) -> int:
        try:
            time.sleep(600)
        except Exception:
            time.sleep(600)
        return x

    done = batch(swallow, range(count), timeout=0.3)

    assert [failure["type"] for failure in done.failures().values()] == ["TimeoutError"] * count
    assert "time.sleep" in done.failures()[0]["traceback"]
    assert "did not react" not in done.failures()[0]["message"]


def test_the_timeout_is_each_items_own(batch: BatchRunner) -> None:
    def nap(x: int) -> int:
        time.sleep(0.5)
        return x

    done = batch(nap, range(6), timeout=2.5)

    assert done.results() == {index: index for index in range(6)}


def test_an_alarm_that_comes_too_late_for_its_item_ends_no_other(batch: BatchRunner) -> None:
    def raise_alarm(x: int) -> int:
        signal.raise_signal(signal.SIGALRM)
        return x

    assert batch(raise_alarm, range(3)).results() == {0: 0, 1: 1, 2: 2}


def test_an_item_that_sets_an_alarm_of_its_own_is_still_held_to_its_timeout(
    batch: BatchRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_process, "_GRACE", 0.3)

    def ignore_alarms(x: int) -> int:
        if x == 0:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        else:
            time.sleep(600 if x == 1 else 0)
        return x

    done = batch(ignore_alarms, range(3), timeout=1.5)

    assert done.results() == {0: 0, 2: 2}
    assert done.failures()[1]["type"] == "TimeoutError"


def test_the_item_after_one_that_reset_the_alarm_times_out_as_such(
    batch: BatchRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_process, "_GRACE", 0.3)

    def reset_alarms(x: int) -> int:
        if x == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        else:
            time.sleep(600 if x == 1 else 0)
        return x

    done = batch(reset_alarms, range(3), timeout=1.5)

    assert done.results() == {0: 0, 2: 2}
    assert done.failures()[1]["type"] == "TimeoutError"


@EITHER_WAY
def test_threads_and_processes_of_a_function_work(batch: BatchRunner, count: int) -> None:
    def fan_out(x: int) -> int:
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            total = sum(threads.map(abs, range(x)))
        with concurrent.futures.ProcessPoolExecutor(1) as processes:
            return total + processes.submit(abs, -x).result()

    done = batch(fan_out, [4] * count)

    assert done.results() == dict.fromkeys(range(count), 10)


def test_a_thread_that_never_ends_does_not_hold_up_the_batch(batch: BatchRunner) -> None:
    def leave_thread(x: int) -> int:
        threading.Thread(target=time.sleep, args=(600,)).start()
        return x

    done = batch(leave_thread, range(2))

    assert done.results() == {0: 0, 1: 1}


def test_a_subprocess_left_behind_does_not_hold_up_the_batch(batch: BatchRunner, tally: Tally) -> None:
    def leave_process(x: int) -> int:
        process = subprocess.Popen(["sleep", "600"], close_fds=False)
        leave_mark(tally.path, str(process.pid))
        return x

    try:
        done = batch(leave_process, range(2))
        assert done.results() == {0: 0, 1: 1}
    finally:
        for pid in tally.read():
            with contextlib.suppress(ProcessLookupError):  # it may have been ended with the call
                os.kill(int(pid), signal.SIGKILL)


@EITHER_WAY
def test_times_and_memory_are_measured(batch: BatchRunner, count: int) -> None:
    before = time.time()

    done = batch(lambda x: time.sleep(0.1), range(count))

    for outcome in done.outcomes.values():
        assert before - 1 < outcome.started < time.time()
        assert 0.09 < outcome.seconds < 30
        assert 1 << 20 < outcome.peak_memory < 1 << 40


def test_times_and_memory_of_items_far_shorter_than_a_millisecond(batch: BatchRunner) -> None:
    before = time.time()

    outcomes = batch(abs, range(20_000)).outcomes

    started = [outcome.started for outcome in outcomes.values()]
    assert before - 1 < started[0] <= started[-1] < time.time()
    assert started == sorted(started)
    assert all(0 <= outcome.seconds < 30 for outcome in outcomes.values())
    assert sum(outcome.seconds for outcome in outcomes.values()) > 0
    assert all(1 << 20 < outcome.peak_memory < 1 << 40 for outcome in outcomes.values())


def test_an_item_that_cannot_be_unpickled_is_blamed_alone(batch: BatchRunner) -> None:
    module = ModuleType("module_that_only_the_client_has")
    exec("class Item:\n    pass", module.__dict__)
    sys.modules[module.__name__] = module
    item: Any = module.Item()  # type: ignore[attr-defined]
    blobs = [pickle.dumps(((1,), {}, None)), pickle.dumps(((item,), {}, None)), pickle.dumps(((3,), {}, None))]
    del sys.modules[module.__name__]

    done = batch(lambda x: x, range(3), blobs=blobs)

    assert done.results() == {0: 1, 2: 3}
    assert done.failures()[1]["type"] == "ModuleNotFoundError"


# -- results ---------------------------------------------------------------------------------------------------


def test_a_result_that_cannot_be_pickled_by_name_goes_by_value() -> None:
    def inner(x: int) -> int:
        return x + 1

    arrived = pickle.loads(dump_result(inner))

    assert arrived(1) == 2
    assert arrived.__code__.co_filename == __file__, "tracebacks of it name its file"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((x for x in ()), r"generator.*; return list\(\.\.\.\) of it instead$"),
        ([1, ("a", (x for x in ()))], r"list.*; result\[1\]\[1\] is a generator: return list\(\.\.\.\) of it instead$"),
        ({"a": [1], "b": (x for x in ())}, r"dict.*; result\['b'\] is a generator: return list"),
        (threading.Lock(), "lock[^;]*$"),
        ([threading.Lock()] * 2_000, "lock[^;]*$"),
    ],
    ids=["generator", "generator in a tuple", "generator in a dict", "lock", "locks"],
)
def test_a_result_that_cannot_be_pickled_is_an_error_that_names_its_type(value: Any, text: str) -> None:
    with pytest.raises(TypeError, match=rf"the result, of type .*{text}"):
        dump_result(value)


def futures_list(one: Any) -> Any:
    from lithops.utils import FuturesList

    return FuturesList([one])


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one, one], lambda one: (one,), futures_list])
def test_futures_as_result_are_an_error_that_says_what_to_return(wrap: Any) -> None:
    from lithops.future import ResponseFuture

    with pytest.raises(TypeError, match=r"returned Lithops futures.*return fexec\.get_result\(\)"):
        dump_result(wrap(ResponseFuture.__new__(ResponseFuture)))
