from __future__ import annotations

import json
import signal
import sys
from contextlib import nullcontext

import pytest
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors import workload
from lithops_provider.executors.workload import TaskAlreadyRunningError, TaskProcessDiedError, Workload, run_workload
from lithops_provider.jobs import Options, bind_items, make_spec
from lithops_provider.jobs.submit.payload import by_value
from tests.executors.workloads import TOKEN, task
from tests.fresh import run_after_airflow


def test_a_task_is_known_by_its_key_and_in_storage_by_its_try() -> None:
    given = task("one", try_number=3)
    found = Workload.of(given)
    assert found.key == given.ti.key
    assert found.id == str(given.ti.id)
    assert json.loads(found.data)["token"] == TOKEN
    assert (found.running, found.success, found.failure) == (
        None,
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
    )


def test_its_token_is_in_no_log() -> None:
    assert TOKEN not in repr(Workload.of(task()))


def test_an_airflow_that_cannot_read_it_says_so_without_the_token() -> None:
    other = json.loads(Workload.of(task()).data)
    del other["ti"]["task_id"]
    with pytest.raises(RuntimeError, match=r"of the runtime can't read the workload: .*ti\.task_id: Field") as error:
        run_workload(json.dumps(other), "http://localhost/")
    assert TOKEN not in str(error.value)
    assert error.value.__context__ is None  # which would have it


def test_what_is_no_workload_is_not_quoted() -> None:
    with pytest.raises(RuntimeError) as error:
        run_workload(f"not JSON, {TOKEN}", "http://localhost/")
    assert TOKEN not in str(error.value)


class RefusedError(Exception):
    """What Airflow 3.1 raises when the Execution API refuses to begin a task."""

    def __init__(self, previous_state: str) -> None:
        super().__init__("Server returned error")
        self.detail = {"reason": "invalid_state", "previous_state": previous_state}


@pytest.mark.parametrize(("state", "raised"), [("running", TaskAlreadyRunningError), ("success", RefusedError)])
def test_a_task_that_another_call_runs_is_told_from_others_that_are_refused(
    monkeypatch: pytest.MonkeyPatch, state: str, raised: type[Exception]
) -> None:
    def refuse(given: object, server: str) -> int:
        raise RefusedError(state)

    monkeypatch.setattr(workload, "_supervise", refuse)
    monkeypatch.setattr(workload.os, "register_at_fork", lambda **_: None)
    with pytest.raises(raised):
        run_workload(Workload.of(task()).data, "http://localhost/")


@pytest.mark.parametrize(
    ("code", "says"),
    [(-9, "was killed by SIGKILL"), (-40, "was killed by signal 40"), (1, "ended with exit code 1"), (0, None)],
    ids=str,
)
def test_the_end_of_a_process_that_told_nobody_is_an_error(
    monkeypatch: pytest.MonkeyPatch, code: int, says: str | None
) -> None:
    """If the task has retries, Airflow's supervisor leaves it running in the database."""
    monkeypatch.setattr(workload, "_supervise", lambda given, server: code)
    monkeypatch.setattr(workload.os, "register_at_fork", lambda **_: None)
    with nullcontext() if says is None else pytest.raises(TaskProcessDiedError, match=says):
        run_workload(Workload.of(task()).data, "http://localhost/")


def test_the_function_of_the_calls_can_be_sent() -> None:
    with by_value([workload]):
        binding, items = bind_items(run_workload, ["a workload"], {"server": "http://localhost/"})
        assert len(make_spec("map", binding, items, Options(batch_size=1)).items) == 1


#: Prints the signal that a process gets when its parent ends, in the process of a task and in one that the task starts.
_FORKS = """
import ctypes, os
from functools import partial
from lithops_provider.executors.workload import _end_with_supervisor

os.register_at_fork(after_in_child=partial(_end_with_supervisor, os.getpid()))

def tell(who):
    signal = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(2, ctypes.byref(signal), 0, 0, 0)  # PR_GET_PDEATHSIG
    print(who, signal.value, flush=True)

def forked(action):
    child = os.fork()
    if not child:
        action()
        os._exit(0)
    os.waitpid(child, 0)

tell("supervisor")
forked(lambda: (tell("task"), forked(lambda: tell("its child"))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a process with its parent")
def test_the_process_of_a_task_ends_with_its_supervisor_and_what_the_task_starts_does_not() -> None:
    assert run_after_airflow(_FORKS).splitlines()[-3:] == ["supervisor 0", f"task {signal.SIGKILL:d}", "its child 0"]
