from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from typing import Any

import psutil
import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.cancel import _kill, cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.owner import is_owner, set_owner
from lithops_provider.jobs.follow.processes import runner_pids
from lithops_provider.jobs.job import LithopsJob
from tests.jobs import process_faas
from tests.jobs.conftest import FaasMaker, MapStarter, runner_of, started, wait_for
from tests.jobs.elsewhere import elsewhere
from tests.jobs.failures import Tally, leave_mark
from tests.jobs.other_user import as_other_user, needs_root
from tests.jobs.submit.test_send import script
from tools.waiting import HANGS


def processes_of(job: LithopsJob) -> list[psutil.Process]:
    """Returns what is in the sessions of a job's runner, whatever its command line says by now."""
    sessions = {os.getsid(pid) for pid in runner_pids(job)}
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def busy(path: str) -> Any:
    """Returns a function that marks its start and then keeps itself and a subprocess busy, deaf to SIGTERM."""

    def work(x: int, deaf: bool = False) -> None:
        if deaf:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process = subprocess.Popen(["sleep", "600"])
        leave_mark(path, str(x))
        process.wait()

    return work


@pytest.mark.parametrize(("batch_size", "deaf"), [(1, False), (10, False), (10, True)])
def test_no_process_is_left_of_a_cancelled_job(
    client: LithopsClient, start_map: MapStarter, tally: Tally, batch_size: int, deaf: bool
) -> None:
    run = start_map(busy(tally.path), range(20), {"deaf": deaf}, batch_size=batch_size)
    wait_for(lambda: len(tally.read()) >= 2)
    processes = processes_of(run.job)

    assert cancel_job(client, run.job)
    wait_for(lambda: are_gone(processes))

    assert len(processes) >= 5  # the runner, its workers, and what each item has started
    assert runner_pids(run.job) == []
    assert len(tally.read()) == 2


def test_another_process_can_cancel(start_map: MapStarter, tally: Tally) -> None:
    run = start_map(busy(tally.path), range(4), batch_size=2)
    wait_for(lambda: len(tally.read()) == 2)
    processes = processes_of(run.job)

    script("cancel", given=json.dumps(run.job.to_dict())).check_returncode()
    wait_for(lambda: are_gone(processes))


def test_what_was_done_before_is_kept(client: LithopsClient, start_map: MapStarter, tally: Tally) -> None:
    path = tally.path

    def sleep_at_two(x: int) -> int:
        leave_mark(path, str(x))
        time.sleep(600 if x == 2 else 0)
        return x

    run = start_map(sleep_at_two, range(4), batch_size=4)
    wait_for(lambda: len(tally.read()) == 3)
    cancel_job(client, run.job)

    keys = client.keys(run.job.bucket, f"{run.job.round_prefix()}/00000/")
    assert [key for key in keys if key.endswith("00000000-00000002-00000000.part")] != []


def test_calls_that_outlived_their_runner_are_stopped(
    client: LithopsClient, start_map: MapStarter, tally: Tally
) -> None:
    run = start_map(busy(tally.path), range(2), batch_size=1)
    wait_for(lambda: len(tally.read()) == 2)
    processes = processes_of(run.job)
    os.kill(runner_of(run.job), signal.SIGKILL)

    cancel_job(client, run.job)
    wait_for(lambda: are_gone(processes))


def test_a_cancelled_job_is_found_to_be_over(client: LithopsClient, start_map: MapStarter, tally: Tally) -> None:
    run = start_map(busy(tally.path), range(2), batch_size=1)
    wait_for(lambda: len(tally.read()) == 2)
    cancel_job(client, run.job)
    run.finish()

    assert len(run.failures()) == 2


def test_jobs_beside_it_go_on(client: LithopsClient, start_map: MapStarter, tally: Tally, tmp_path: Any) -> None:
    gate = tmp_path / "gate"

    def wait(x: int) -> int:
        while not gate.exists():
            time.sleep(0.02)
        return x

    other = start_map(wait, range(2))
    run = start_map(busy(tally.path), [1])
    wait_for(lambda: tally.read() != [])
    cancel_job(client, run.job)
    gate.touch()
    other.finish()

    assert other.results() == [0, 1]


def test_a_marker_stops_calls_whose_processes_cannot_be_reached(faas: FaasMaker, tally: Tally) -> None:
    path = tally.path

    def nap(x: int) -> None:
        leave_mark(path, str(x))
        time.sleep(1.0)

    run = started(faas(max_workers=1), *bind_items(nap, range(600)))
    wait_for(lambda: tally.read() != [])
    cancel_job(run.client, run.job)
    (call,) = process_faas.processes
    call.wait(HANGS)
    ran = len(tally.read())
    stored = run.client.keys(run.job.bucket, f"{run.job.round_prefix()}/00000/")

    assert ran < 600
    assert any(key.endswith("status.json") for key in stored)


def test_calls_that_begin_after_the_marker_run_nothing(faas: FaasMaker, tally: Tally) -> None:
    path = tally.path
    client = faas(max_workers=2)
    process_faas.hold = True
    run = started(client, *bind_items(lambda x: leave_mark(path, str(x)), range(4)))
    cancel_job(client, run.job)
    process_faas.release()
    process_faas.wait(HANGS)

    assert tally.read() == []


def test_a_job_that_was_never_sent_has_nothing_to_stop(client: LithopsClient) -> None:
    job = elsewhere(client)

    assert not cancel_job(client, LithopsJob.from_dict({**job.to_dict(), "rounds": []}))


def test_a_job_of_another_machine_is_left_its_processes(
    client: LithopsClient, start_map: MapStarter, tally: Tally
) -> None:
    run = start_map(busy(tally.path), [1])
    moved = LithopsJob.from_dict({**run.job.to_dict(), "host": "another-machine"})
    wait_for(lambda: bool(tally.read()))  # an item that has not begun would not, since the job is marked as stopped
    processes = [process for process in processes_of(run.job) if process.name() == "sleep"]

    cancel_job(client, moved)

    assert [process.is_running() for process in processes] == [True]
    run.cancel()


def test_whoever_no_longer_waits_for_a_job_cannot_stop_it(client: LithopsClient) -> None:
    job = elsewhere(client)
    set_owner(client, job, "first")
    set_owner(client, job, "second")

    assert not is_owner(client, job, "first")
    assert not cancel_job(client, job, "first")
    assert client.get(job.bucket, job.stop_key()) is None
    assert cancel_job(client, job, "second")
    assert client.get(job.bucket, job.stop_key()) is not None


def test_a_backend_is_not_asked_to_stop_what_runs_on_another(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(client.compute.handler, "clear", asked.append)
    job = replace(elsewhere(client), backend="k8s")  # the connection was changed after it had been sent

    assert cancel_job(client, job)
    assert client.get(job.bucket, job.stop_key()) is not None
    assert asked == []


def test_a_job_without_an_owner_can_be_stopped_by_anybody(client: LithopsClient) -> None:
    assert cancel_job(client, elsewhere(client), "anybody")


def test_what_is_left_of_a_group_ends_though_its_leader_is_gone() -> None:
    command = ["sh", "-c", "sleep 600 > /dev/null 2>&1 & echo $!"]
    left = psutil.Process(int(subprocess.run(command, capture_output=True, start_new_session=True, check=True).stdout))
    assert not psutil.pid_exists(os.getpgid(left.pid))

    _kill([left.pid])

    wait_for(lambda: are_gone([left]))


@needs_root
def test_processes_of_another_user_are_left_and_no_error() -> None:
    """A task with ``run_as_user`` has sent the job, and the triggerer cancels it: calls find the marker."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        assert as_other_user(lambda: _kill([process.pid])) == "None"
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
