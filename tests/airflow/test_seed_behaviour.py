"""Functions that misbehave, jobs that are cut off, and what is left in the log, under a real scheduler."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.seed import Storage, alive, executor_ids, messages, result, state
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

#: Characters of a task's log beyond which it is flooded.
FLOOD = 200_000


def start_runs(airflow: AirflowStack, folder: Path) -> DagRun:
    return airflow.api.trigger("seed_behaviour", {"folder": str(folder)})


@pytest.fixture(scope="module")
def run(started: DagRun) -> DagRun:
    return started.wait(check=False)


def when(line: str) -> float:
    """Return the time of a line of a log."""
    return datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


# Cut off


@pytest.mark.thorough
def test_execution_timeout(airflow: AirflowStack, tmp_path: Path) -> None:
    """It fires while the job runs, and takes the job's process along."""
    # Where the time is up before the function has begun, as on a busy machine, that shows nothing: once more.
    for attempt in itertools.count():
        folder = tmp_path / str(attempt)
        folder.mkdir()
        run = airflow.api.trigger("seed_timeout", {"folder": str(folder)}).wait(check=False)
        assert state(run, "execution_timeout") == "failed"
        assert messages(run.log("execution_timeout"), "AirflowTaskTimeout")
        if alive(folder / "timeout"):
            break
    assert_stops(folder / "timeout")


@pytest.fixture
def waiting(airflow: AirflowStack, tmp_path: Path) -> Iterator[DagRun]:
    """A run whose only function is running, and runs until it is stopped."""
    run = airflow.api.trigger("seed_killed", {"folder": str(tmp_path)})
    wait_until(lambda: alive(tmp_path / "killed"), lambda: run.log("wait"))
    yield run
    (tmp_path / "killed").touch()


def assert_stops(path: Path) -> None:
    """Check that the function's process goes, and stays the only one that there ever was."""
    ((pid, _),) = alive(path)
    wait_until(lambda: not psutil.pid_exists(pid))


@pytest.mark.thorough
def test_marked_failed(airflow: AirflowStack, waiting: DagRun, tmp_path: Path) -> None:
    """The task's process hears of it at its next heartbeat, and stops the job before it ends."""
    airflow.api.patch(f"{waiting.path}/taskInstances/wait", {"new_state": "failed"})
    assert_stops(tmp_path / "killed")
    waiting.wait(check=False)
    assert state(waiting, "wait") == "failed"


def test_sigterm(waiting: DagRun, tmp_path: Path) -> None:
    """As when a worker is shut down: the job is stopped, and not sent again, whatever ``item_retries`` says."""
    os.kill(waiting.task_pid("wait"), signal.SIGTERM)
    assert_stops(tmp_path / "killed")
    waiting.wait(check=False)
    assert state(waiting, "wait") == "failed"
    assert len(executor_ids(waiting.log("wait"))) == 1
    assert len(alive(tmp_path / "killed")) == 1


# The log


def test_logs_flow_after_the_job(run: DagRun) -> None:
    log = run.log("logs")
    assert result(run, "logs") == ["little", "much"]
    done = log.index("2/2 items done")
    for text in (
        "the subclass got ['little', 'much']",
        "a logger after the job",
        "the task's log after the job",
        "a print after the job",
    ):
        assert log.index(text) > done


def test_lithops_does_not_reconfigure_logging(run: DagRun) -> None:
    """Not even where the configuration says how Lithops is to log."""
    assert messages(run.log("logs"), "a logger after the job, unchanged: True")


def test_output_of_functions_is_in_the_log(run: DagRun) -> None:
    log = run.log("logs")
    for text in ("said to stdout", "said to stderr", "said to a logger", "said by a subprocess"):
        assert len(messages(log, text)) == 1


def test_output_of_functions_is_bounded(run: DagRun) -> None:
    """One of them prints 20 MB."""
    log = run.log("logs")
    assert "x" * 1000 in log
    assert len(log) < FLOOD
    (dropped,) = messages(log, "more bytes of output were dropped")
    assert int(dropped.split()[1]) > 20 * 1024 * 1000


def test_progress(run: DagRun) -> None:
    """A line every few seconds, and one at the end."""
    assert result(run, "progress") == list(range(48))
    *lines, last = messages(run.log("progress"), "/48 items done")
    assert " 48/48 items done, 0 failed" in last
    assert "s in all" in last
    assert lines
    times = [when(line) for line in lines]
    assert all(later - earlier > 4.5 for earlier, later in itertools.pairwise(times))
    assert any("items/s, about" in line and "s left" in line for line in lines)
    assert [line for line in lines if " 0 failed" not in line] == []


# Errors


def test_items_that_fail(run: DagRun) -> None:
    log = run.log("fails")
    assert state(run, "fails") == "failed"
    assert messages(log, "7 of 20 item(s) of fail_some failed", "lithops_failures")
    assert messages(log, "ValueError x 7 at", "in deep_down: items 1, 4, 7, 10, 13 and 2 more")
    assert messages(log, "item 1: fail_some(1, 'yyyy", "ValueError: item 1 is no good")
    assert not messages(log, "item 4: ")
    for frame in ("in fail_some", "in deep_down"):
        assert messages(log, "seed_behaviour.py", frame)
    assert len(log) < FLOOD
    listed = run.xcom("fails", key="lithops_failures")
    assert (listed["failed"], [entry["index"] for entry in listed["items"]]) == (7, list(range(1, 20, 3)))


MISBEHAVIOUR = {
    1: ("ProcessDiedError", "exit code 3"),
    2: ("ProcessDiedError", "SIGSEGV"),
    3: ("SystemExit", "I leave"),
    4: ("KeyboardInterrupt", ""),
    5: ("ProcessDiedError", "SIGKILL, as the kernel does when memory runs out"),
    6: ("TypeError", "of type lock, can't be pickled"),
    7: ("TypeError", "of type generator, can't be pickled: cannot pickle 'generator' object; return list(...)"),
    8: ("AwkwardError", "left"),
}


@pytest.mark.parametrize("item", MISBEHAVIOUR)
def test_a_function_that_misbehaves(run: DagRun, item: int) -> None:
    """All of them are in one call: exactly the item at fault is blamed, and the others are done."""
    assert result(run, "misbehaves") == ["fine", *[None] * 8, "fine again"]
    listed = {entry["index"]: entry for entry in run.xcom("misbehaves", key="lithops_failures")["items"]}
    kind, message = MISBEHAVIOUR[item]
    assert listed[item]["type"] == kind
    assert message in listed[item]["message"]


def test_a_function_that_forks(run: DagRun) -> None:
    """All in one call: each item has its own result, and an item whose process dies is blamed itself."""
    results = result(run, "forks")
    assert [each and each[:2] for each in results] == [None if x == 5 else [x * 10, f"value {x}"] for x in range(10)]
    assert len({key for each in results if each for key in each[2:]}) == 9, "they overwrite each other's objects"
    (failed,) = run.xcom("forks", key="lithops_failures")["items"]
    assert (failed["index"], failed["type"]) == (5, "ProcessDiedError")


def test_a_call_that_dies(run: DagRun) -> None:
    assert state(run, "dies") == "failed"
    assert messages(run.log("dies"), "item 0: misbehave('segfault')", "SIGSEGV")


def test_output_of_a_call_that_dies(run: DagRun) -> None:
    assert messages(run.log("dies"), "about to segfault")


# Results


def test_a_result_that_xcom_does_not_take(run: DagRun) -> None:
    look_at_unfit(run, "ndarray", "ndarray")


def look_at_unfit(run: DagRun, task_id: str, kind: str) -> None:
    log = run.log(task_id)
    assert state(run, task_id) == "failed"
    assert messages(log, "ResultNotPushableError", f"the result of item 1, of type {kind}, can't go into XCom")
    assert messages(log, "get_result=False")
    assert not messages(log, "Pushing xcom")


def test_a_calls_result_that_xcom_does_not_take(run: DagRun, airflow: AirflowStack) -> None:
    log = run.log("unfit_call")
    assert state(run, "unfit_call") == "failed"
    assert messages(log, "the result, of type bytes, can't go into XCom")
    (executor_id,) = executor_ids(log)
    assert Storage.of(airflow).keys(executor_id), "the result is lost"


@pytest.mark.thorough
def test_more_results_that_xcom_does_not_take_and_one_that_is_not_pushed(run_dag: RunDag) -> None:
    run = run_dag("seed_unfit", check=False)
    look_at_unfit(run, "bytes", "bytes")
    look_at_unfit(run, "nan", "float")
    assert state(run, "not_pushed") == "success"
