"""Looks at the ledgers that the items of dags/ledger.py write, and at the processes of their jobs."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT
from tools.airflow_api import AirflowApiError, DagRun
from tools.airflow_stack import AirflowStack

#: A job that takes long enough to be interfered with, also on a busy machine.
LONG = {"items": 400, "seconds": 0.5}
#: Seconds that Airflow takes at most to tell a worker or a trigger that somebody has ended the task: two heartbeats.
_TELLING = 6


def ledger_of(path: Path) -> Counter[str]:
    """How often each item ran."""
    return Counter(path.read_text().split()) if path.exists() else Counter()


def jobs_of(run: DagRun) -> list[str]:
    """The executor ids of the jobs that the first task of a run has published."""
    try:
        published = run.xcom(run.tasks()[0]["task_id"], key="lithops_job")
    except AirflowApiError:  # none
        return []
    return [job["executor_id"] for job in published["jobs"].values()]


def job_processes(run: DagRun | None = None) -> list[psutil.Process]:
    """The processes of the localhost jobs of a run, or of this whole test run."""
    named = None if run is None else jobs_of(run)
    found = []
    for process in psutil.process_iter():
        try:
            files = [path for path in process.cmdline() if path.endswith("-job.json") and str(ROOT) in path]
            if files and (named is None or any(name in file for name in named for file in files)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_no_job_process(seconds: float, run: DagRun | None = None) -> list[psutil.Process]:
    """Waits for the end of all jobs, or those of a run; returns what is left."""
    end = time.monotonic() + seconds
    while (left := job_processes(run)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def wait_for_lines(path: Path, lines: int, seconds: float = 30) -> None:
    """Waits until so many items have begun."""
    end = time.monotonic() + seconds
    while sum(ledger_of(path).values()) < lines:
        assert time.monotonic() < end, f"only {sum(ledger_of(path).values())} items began within {seconds} s"
        time.sleep(0.02)


def wait_for_log(run: DagRun, task_id: str, text: str, seconds: float = 30) -> None:
    """Waits until the log of a task, or of its trigger, has some text."""
    end = time.monotonic() + seconds
    while text not in (log := run.log(task_id)):
        assert time.monotonic() < end, f"{text!r} is not in the log within {seconds} s:\n{log}"
        time.sleep(0.2)


def start(airflow: AirflowStack, dag_id: str, ledger: Path, **conf: object) -> DagRun:
    """Starts a long job and waits until its items run and the task is in its proper state."""
    run = airflow.api.trigger(dag_id, {"ledger": str(ledger), **LONG, **conf})
    if "deferred" in dag_id:
        run.wait_for_task(run.tasks()[0]["task_id"], "deferred")
    wait_for_lines(ledger, 3)
    assert job_processes(run)
    return run


def wait_for_xcom(run: DagRun, task_id: str, key: str, seconds: float = 10) -> Any:
    """Waits until a task, whose state somebody else has set, has pushed an XCom; returns its value."""
    end = time.monotonic() + seconds
    while True:
        try:
            return run.xcom(task_id, key=key)
        except AirflowApiError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def assert_stopped(run: DagRun, ledger: Path) -> None:
    """No process of a run's job is left 5 seconds after Airflow told of its end, and no item begins any more."""
    assert not wait_until_no_job_process(_TELLING + 5, run)
    ran = sum(ledger_of(ledger).values())
    assert ran < LONG["items"]
    time.sleep(1.5)
    assert sum(ledger_of(ledger).values()) == ran
