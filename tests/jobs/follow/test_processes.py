"""Which processes on this machine are a job's."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow import processes
from lithops_provider.jobs.follow.processes import _belonging, _Process, runner_is_gone, runner_pids
from lithops_provider.jobs.job import LithopsJob
from tests.jobs.conftest import MapStarter, kill_all, wait_for
from tests.jobs.made import make_job
from tools.waiting import HANGS


def leave_daemon(path: str, batch: int) -> None:
    """Leaves a detached process, and goes on until it is stopped."""
    if os.fork() == 0:
        os.setsid()
        Path(path).with_suffix(".partial").write_text(str(os.getpid()))
        Path(path).with_suffix(".partial").rename(path)
        time.sleep(HANGS)
        os._exit(0)
    time.sleep(HANGS)


def submitted(seconds_ago: float) -> LithopsJob:
    """Returns a job that was sent on this machine so many seconds ago."""
    job = make_job(1, host=socket.gethostname())
    return replace(job, rounds=(replace(job.rounds[-1], submitted=time.time() - seconds_ago),))


def lives(pid: int) -> bool:
    """Tells whether a process runs: one that has ended may wait to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("killed", ["cancelled", "by the system"])
def test_what_has_detached_itself_is_none_of_the_jobs_processes(
    client: LithopsClient, start_map: MapStarter, tmp_path: Path, killed: str
) -> None:
    path = tmp_path / "daemon"
    run = start_map(leave_daemon, [(str(path), 1)])
    wait_for(path.exists)
    daemon = int(path.read_text())
    try:
        known = runner_pids(run.job)
        assert daemon not in known
        if killed == "cancelled":
            cancel_job(client, run.job)
        else:
            kill_all(known)
        wait_for(lambda: runner_is_gone(run.job))
        assert lives(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_a_job_that_was_sent_during_a_look_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine, a look takes seconds. What is started meanwhile isn't seen by it."""
    looks: list[dict[str, list[int]]] = [{}, {"job": [os.getpid()]}]

    def look() -> dict[str, list[int]]:
        time.sleep(0.3)
        return looks.pop(0)

    monkeypatch.setattr(processes, "_look", look)
    monkeypatch.setattr(processes, "_seen", {})
    monkeypatch.setattr(processes, "_seen_since", -1e9)
    monkeypatch.setattr(processes, "_key", lambda job: "job")
    runner_pids(submitted(1.0))
    assert not runner_is_gone(submitted(0.2))
    assert looks == []


def test_while_a_process_of_a_job_is_known_no_other_is_looked_at(
    start_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_map(time.sleep, [HANGS])
    assert runner_pids(run.job)

    def refuse() -> dict[str, list[int]]:
        raise AssertionError("all processes were looked at")

    with monkeypatch.context() as patched:
        patched.setattr(processes, "_look", refuse)
        assert not runner_is_gone(run.job)
    run.cancel()
    wait_for(lambda: runner_is_gone(run.job))


@pytest.mark.parametrize(
    ("found_processes", "found"),
    [
        ([], []),
        ([(1, 1, False), (2, 1, False), (3, 1, True)], [1, 2, 3]),
        ([(2, 1, False), (3, 1, True), (4, 4, True)], [2, 3]),  # the runner has ended, its call has not
        ([(4, 4, True)], []),
        ([(1, 1, False), (7, 7, False), (8, 7, True)], [1, 7, 8]),  # in a container there is a session of its own
    ],
)
def test_what_belongs_to_a_job(found_processes: list[tuple[int, int, bool]], found: list[int]) -> None:
    assert _belonging([_Process(*process) for process in found_processes]) == found
