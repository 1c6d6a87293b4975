"""What happens when something dies or somebody interferes, under a real scheduler and triggerer."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.ledgers import ledger_of, let_go, wait_for_lines, wait_until_no_job_process
from tests.airflow_version import STATE_STORE
from tools.airflow_stack import AirflowStack

Moment = Callable[[int, Path], None]

ITEMS = 200
#: How many items have begun when the task's process is killed; the next ones wait for that. 0 is before the submission,
#: or while it goes on.
BEGUN = [0, 20, 199]
#: Seconds after the task's start at which its process is killed: from before the submission to after the last item.
MOMENTS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.9, 2.2, 2.5, 2.8, 3.2, 3.6]


def kill_tasks(airflow: AirflowStack, folder: Path, confs: list[dict[str, Any]], moment: Moment) -> list[int]:
    """
    Kill the process of a task in each of some runs, check that all of them end with the right results, each item having
    run once, and return their numbers of tries.

    :param confs: of the runs
    :param moment: waits until it is time, told the run's number and its ledger
    """

    def one(number: int) -> tuple[int, str, bool, Counter[str], int]:
        ledger = folder / f"ledger-{number}"
        run = airflow.api.trigger("ledger_sync", {"ledger": str(ledger), "items": ITEMS, **confs[number]})
        pid = run.task_pid("map")
        moment(number, ledger)
        with contextlib.suppress(ProcessLookupError):  # it was done by then
            os.kill(pid, signal.SIGKILL)
        let_go(ledger)
        run = run.wait()
        wait_until_no_job_process(run)
        right = run.xcom("map") == [item * item for item in range(ITEMS)]
        return number, run.state, right, ledger_of(ledger), run.task("map")["try_number"]

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(one, range(len(confs))))
    expected = Counter(str(item) for item in range(ITEMS))
    bad = [
        (confs[number], state, right, tries, {item: n for item, n in ran.items() if n != 1}, len(ran))
        for number, state, right, ran, tries in outcomes
        if state != "success" or not right or ran != expected
    ]
    assert not bad, bad
    return [tries for *_, tries in outcomes]


@STATE_STORE
def test_a_killed_worker_runs_no_item_twice(airflow: AirflowStack, tmp_path: Path) -> None:
    """It is killed at moments that the job's progress tells."""
    confs: list[dict[str, Any]] = [{"held": begun, "seconds": 0.001} for begun in BEGUN]
    tries = kill_tasks(airflow, tmp_path, confs, lambda number, ledger: wait_for_lines(ledger, BEGUN[number]))

    assert tries == [2] * len(BEGUN)


@STATE_STORE
@pytest.mark.thorough
def test_a_worker_that_is_killed_at_any_moment_runs_no_item_twice(airflow: AirflowStack, tmp_path: Path) -> None:
    confs = [{"seconds": 0.02}] * len(MOMENTS)
    kill_tasks(airflow, tmp_path, confs, lambda number, ledger: time.sleep(MOMENTS[number]))
