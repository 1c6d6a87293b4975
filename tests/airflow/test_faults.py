"""What happens when something dies or somebody interferes, under a real scheduler and triggerer."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.airflow.ledgers import ledger_of, wait_until_no_job_process
from tests.airflow_version import STATE_STORE
from tools.airflow_stack import AirflowStack

ITEMS = 200
SECONDS = 0.02
#: Seconds after the task's start at which its process is killed: from before the submission to after the last item.
MOMENTS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.9, 2.2, 2.5, 2.8, 3.2, 3.6]


@STATE_STORE
def test_a_killed_worker_runs_no_item_twice(airflow: AirflowStack, tmp_path: Path) -> None:
    """The task's process is killed at 20 moments; each run ends with the right results, each item having run once."""

    def one(number: int) -> tuple[int, str, bool, Counter[str], int]:
        ledger = tmp_path / f"ledger-{number}"
        run = airflow.api.trigger("ledger_sync", {"ledger": str(ledger), "items": ITEMS, "seconds": SECONDS})
        pid = run.task_pid("map")
        time.sleep(MOMENTS[number])
        with contextlib.suppress(ProcessLookupError):  # it was done by then
            os.kill(pid, signal.SIGKILL)
        run = run.wait(240)
        right = run.xcom("map") == [item * item for item in range(ITEMS)]
        return number, run.state, right, ledger_of(ledger), run.task("map")["try_number"]

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(one, range(len(MOMENTS))))
    expected = Counter(str(item) for item in range(ITEMS))
    bad = [
        (MOMENTS[number], state, right, tries, {item: n for item, n in ran.items() if n != 1}, len(ran))
        for number, state, right, ran, tries in outcomes
        if state != "success" or not right or ran != expected
    ]
    assert not bad, bad
    assert sum(tries > 1 for *_, tries in outcomes) >= 10, "the kills came too late to show anything"
    assert not wait_until_no_job_process(5)
