"""Looks at the ledgers that the items of dags/ledger.py write, and at the processes of their jobs."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import psutil

from tests.conftest import ROOT
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

#: A job that takes half a minute: long enough to be interfered with.
LONG = {"items": 120, "seconds": 0.5}


def ledger_of(path: Path) -> Counter[str]:
    """How often each item ran."""
    return Counter(path.read_text().split()) if path.exists() else Counter()


def job_processes() -> list[psutil.Process]:
    """The processes of all localhost jobs of this test run."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(ROOT) in argument and argument.endswith("-job.json") for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_no_job_process(seconds: float) -> list[psutil.Process]:
    """Waits for the end of all jobs; returns what is left."""
    end = time.monotonic() + seconds
    while (left := job_processes()) and time.monotonic() < end:
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
    assert job_processes()
    return run


def assert_stopped(ledger: Path, told: float = 0) -> None:
    """
    No process of a job is left within 5 seconds, and no item begins any more.

    :param told: seconds that Airflow may take to tell the worker or the trigger before
    """
    assert not wait_until_no_job_process(told + 5)
    ran = sum(ledger_of(ledger).values())
    assert ran < 60
    time.sleep(1.5)
    assert sum(ledger_of(ledger).values()) == ran
