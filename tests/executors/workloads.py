"""Workloads as Airflow's scheduler gives them to an executor, and functions that stand in for running one."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.executors import workloads
from airflow.models.taskinstancekey import TaskInstanceKey

from lithops_provider.executors.workload import Workload

#: What must not be seen anywhere but where the workload runs.
TOKEN = "s3cret-t0ken-of-a-workload"


def task(name: str = "task", try_number: int = 1, **executor_config: Any) -> workloads.ExecuteTask:
    """A task that is to run."""
    ti = workloads.TaskInstance(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        task_id=name,
        dag_id="dag",
        run_id="run",
        try_number=try_number,
        map_index=-1,
        pool_slots=1,
        queue="default",
        priority_weight=1,
        executor_config=executor_config,
    )
    return workloads.ExecuteTask(
        ti=ti,
        dag_rel_path=Path("dag.py"),
        token=TOKEN,
        log_path="dag_id=dag/log",
        bundle_info=workloads.BundleInfo(name="dags", version=None),
    )


def workload(data: str, name: str = "task") -> Workload:
    """A workload on its way, with any text in place of its JSON."""
    return Workload(TaskInstanceKey("dag", name, "run", 1, -1), str(uuid.uuid4()), data)


def actor() -> Callable[..., int]:
    """Returns what stands in for running a workload. A function within a function travels by value."""

    def act(workload: str, server: str) -> int:
        what, _, argument = workload.partition(" ")
        if what == "raise":
            raise ValueError(argument)
        if what == "die":
            os.write(1, b"last words")
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "wait":
            while not Path(argument).exists():
                time.sleep(0.02)
        return 0

    return act
