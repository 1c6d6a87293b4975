"""Looks at the ledgers that the items of dags/ledger.py write, and at the processes of their jobs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import ROOT
from tools import processes
from tools.airflow_api import AirflowApiError, DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

#: A job that somebody has to stop: its items would take as long as a hang.
LONG = {"items": 4_000, "seconds": 1}


def ledger_of(path: Path) -> Counter[str]:
    """How often each item ran."""
    return Counter(path.read_text().split()) if path.exists() else Counter()


def let_go(ledger: Path) -> None:
    """Lets the items go on that a run's conf has ``held``."""
    Path(f"{ledger}.go").touch()


def jobs_of(run: DagRun) -> list[str]:
    """The executor ids of the jobs that the first task of a run has published."""
    try:
        published = run.xcom(run.tasks()[0]["task_id"], key="lithops_job")
    except AirflowApiError:  # none
        return []
    return [job["executor_id"] for job in published["jobs"].values()]


def job_processes(run: DagRun) -> list[psutil.Process]:
    """The processes of the localhost jobs of a run."""
    named = jobs_of(run)
    found = []
    for process in psutil.process_iter():
        try:
            files = [path for path in process.cmdline() if path.endswith("-job.json") and str(ROOT) in path]
            if any(name in file for name in named for file in files):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_no_job_process(run: DagRun) -> None:
    """Waits for the end of the jobs of a run; those of others may be held until their own test looks at them."""
    wait_until(
        lambda: not job_processes(run),
        lambda: "\n".join(["Jobs still run:", *map(processes.describe, job_processes(run))]),
    )


def wait_until_task_process_is_gone(run: DagRun, task_id: str, pid: int | None = None) -> None:
    """Waits for the end of the process that has run a task, or ran its try with that process id."""
    pid = pid or run.task(task_id)["pid"]
    wait_until(lambda: pid not in {process.pid for process in processes.find(ROOT)}, lambda: f"Process {pid} is there.")


def wait_for_lines(path: Path, lines: int) -> None:
    """Waits until so many items have begun."""
    wait_until(
        lambda: sum(ledger_of(path).values()) >= lines,
        lambda: f"Only {sum(ledger_of(path).values())} of {lines} items have begun.",
        interval=0.02,
    )


def wait_for_log(run: DagRun, task_id: str, text: str) -> None:
    """Waits until the log of a task, or of its trigger, has some text."""
    wait_until(lambda: text in run.log(task_id), lambda: f"{text!r} is not in the log:\n{run.log(task_id)}")


def start(airflow: AirflowStack, dag_id: str, ledger: Path, **conf: object) -> DagRun:
    """Starts a long job and waits until its items run and the task is in its proper state."""
    return wait_until_it_runs(airflow.api.trigger(dag_id, {"ledger": str(ledger), **LONG, **conf}), ledger)


def wait_until_it_runs(run: DagRun, ledger: Path) -> DagRun:
    """Waits until the items of a run's job run and its task is in its proper state; returns the run."""
    if "deferred" in run.dag_id:
        run.wait_for_task(run.tasks()[0]["task_id"], "deferred")
    wait_for_lines(ledger, 3)
    assert job_processes(run)
    return run


def wait_for_xcom(run: DagRun, task_id: str, key: str) -> Any:
    """Waits until a task, whose state somebody else has set, has pushed an XCom; returns its value."""

    def pushed() -> Any:
        try:
            return run.xcom(task_id, key=key)
        except AirflowApiError:
            return None

    return wait_until(pushed, lambda: f"There is no XCom {key!r}. The log of {task_id}:\n{run.log(task_id)}")


def assert_stopped(run: DagRun, ledger: Path) -> None:
    """The run's task and its job end while there are items left, so that none of them can begin any more."""
    wait_until_task_process_is_gone(run, run.tasks()[0]["task_id"])
    wait_until_no_job_process(run)
    assert sum(ledger_of(ledger).values()) < LONG["items"]
