from __future__ import annotations

import os
import signal
import time

from lithops_provider.jobs.adapter.workarounds.call_processes import _Here
from lithops_provider.jobs.client import LithopsClient
from tests.jobs.conftest import MapStarter
from tests.jobs.failures import Tally, leave_mark
from tools.waiting import HANGS


def test_a_call_on_this_machine_has_no_process_beside_its_workers_and_its_functions(
    client: LithopsClient, run_map: MapStarter
) -> None:
    processes = int(client.config["localhost"]["worker_processes"])
    run = run_map(lambda x: (os.getppid(), os.getpid()), range(3 * processes), batch_size=1)

    assert len({worker for worker, _ in run.results()}) <= processes
    assert len({function for _, function in run.results()}) == 3 * processes


def test_a_worker_that_is_killed_takes_only_its_call_with_it(run_map: MapStarter, tally: Tally) -> None:
    def run(x: int) -> int:
        leave_mark(tally.path, str(x))
        if x == 1:
            os.kill(os.getppid(), signal.SIGKILL)
        return x

    run_of_four = run_map(run, range(4), batch_size=1)

    assert run_of_four.results() == [0, None, 2, 3]
    assert [(failure.index, failure.type) for failure in run_of_four.failures()] == [(1, "CallLostError")]
    assert sorted(tally.read()) == ["0", "1", "2", "3"]


def test_a_worker_ends_whose_call_hangs_beyond_its_time() -> None:
    pid = os.fork()
    if pid == 0:
        call = _Here(lambda: time.sleep(HANGS))
        call.start()
        call.join(0.1)
        os._exit(0)

    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGALRM


def test_a_worker_whose_call_is_over_has_no_time_limit() -> None:
    done: list[int] = []
    before = signal.getsignal(signal.SIGALRM)
    try:
        _Here(lambda: done.append(1)).join(HANGS)
        assert (done, signal.getitimer(signal.ITIMER_REAL)) == ([1], (0.0, 0.0))
    finally:
        signal.signal(signal.SIGALRM, before)
