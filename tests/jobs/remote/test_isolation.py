"""What the processes of a call must not share. What functions leave running is in test_forks.py."""

from __future__ import annotations

import ctypes
import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import isolation
from lithops_provider.jobs.remote.isolation import end_group, original_process
from lithops_provider.jobs.run import JobRun
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import MapStarter
from tests.jobs.failures import Tally, leave_mark
from tools.waiting import HANGS


def die_once(x: int, tally: str) -> None:
    """Kills the process of item 5, the first time."""
    leave_mark(tally, str(x))
    if x == 5 and Tally(Path(tally)).read().count("5") == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def test_cloud_objects_of_a_call_whose_process_died_are_all_kept(
    client: LithopsClient, run_map: MapStarter, tally: Tally
) -> None:
    def put(x: int, storage: Any, tally: str) -> Any:
        made = storage.put_cloudobject(f"value {x}")
        die_once(x, tally)
        return made

    run = run_map(put, range(10), {"tally": tally.path}, batch_size=10)
    assert run.outcomes.failed == [5]
    run = _again(client, run)

    assert [client.storage.get_cloudobject(made) for made in run.results()] == [
        f"value {x}".encode() for x in range(10)
    ]
    assert all(run.job.executor_id in made.key for made in run.results()), "nobody could tell whose they are"


def _again(client: LithopsClient, run: JobRun) -> JobRun:
    again = JobRun(client, run.spec, poll_interval=run.poll_interval)
    again.attach(run.job)
    again.finish()
    return again


def test_executors_within_functions_have_ids_of_their_own(batch: BatchRunner, tally: Tally) -> None:
    def begin(x: int, tally: str) -> list[str]:
        from lithops.utils import create_executor_id

        made = [create_executor_id(), create_executor_id()]
        die_once(x, tally)
        return made

    done = batch(begin, range(10), {"tally": tally.path})

    assert list(done.failures()) == [5]
    ids = [made for pair in done.results().values() for made in pair]
    assert len(set(ids)) == len(ids) == 18


def test_cloud_objects_of_a_forked_process_are_its_own(batch: BatchRunner, client: LithopsClient) -> None:
    def put_twice(x: int, storage: Any) -> Any:
        made = [storage.put_cloudobject("before")]
        context = multiprocessing.get_context("fork")
        for number in range(2):
            mine, theirs = context.Pipe()
            text = f"of process {number}"
            process = context.Process(
                target=lambda end, text: end.send(storage.put_cloudobject(text)), args=(theirs, text)
            )
            process.start()
            made.append(mine.recv())
            process.join()
        return [*made, storage.put_cloudobject("after")]

    done = batch(put_twice, [0])

    texts = [client.storage.get_cloudobject(made) for made in done.results()[0]]
    assert texts == [b"before", b"of process 0", b"of process 1", b"after"]


@pytest.mark.parametrize("draw", ["random", "numpy", "uuid", "tempfile"])
def test_no_two_processes_draw_the_same(batch: BatchRunner, draw: str) -> None:
    import numpy.random  # so that each process that runs items is forked with its state

    assert "numpy.random" in sys.modules

    def take(x: int) -> Any:
        import random
        import uuid

        try:
            if draw == "numpy":
                return float(numpy.random.rand())
            if draw == "uuid":
                return str(uuid.uuid4())
            if draw == "tempfile":
                return next(tempfile._get_candidate_names())  # type: ignore[attr-defined]
            return random.random()
        finally:
            if x % 2:
                os.kill(os.getpid(), signal.SIGKILL)

    drawn = [value for _ in range(2) for value in batch(take, range(8)).results().values()]

    assert len(set(drawn)) == len(drawn) == 8


@pytest.mark.parametrize("fork", [os.fork, ctypes.CDLL(None).fork], ids=["Python", "C"])
@pytest.mark.parametrize("wiped", [True, False], ids=["wiped", "asked"])
def test_a_copy_of_a_process_is_told_from_the_original(
    monkeypatch: pytest.MonkeyPatch, wiped: bool, fork: Callable[[], int]
) -> None:
    if not wiped:
        monkeypatch.delattr(mmap, "MAP_ANONYMOUS")
    is_original = original_process()
    pid = fork()
    if pid == 0:
        os._exit(5 if is_original() else 6)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6
    assert is_original()


def test_a_group_is_seen_to_end_on_a_system_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(isolation, "Path", lambda path: tmp_path)
    monkeypatch.setattr(isolation, "_TO_END", HANGS)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that the system itself reaps what has ended
    try:
        process = subprocess.Popen(["sleep", "600"], start_new_session=True)
        end_group(process.pid)
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)
        process.wait()
    finally:
        signal.signal(signal.SIGCHLD, before)
