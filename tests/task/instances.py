"""What operators and sensors need of Airflow to be executed in a test's process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun


class Instance:
    """A task instance that keeps the XComs that are pushed, as JSON, as Airflow's database would."""

    id, try_number, dag_id, run_id, task_id, map_index = "01990000-0000-7000-8000-000000000000", 1, "d", "r", "t", -1

    def __init__(self) -> None:
        self.pushed: dict[str, str] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.dumps(value)

    def xcom_pull(self, task_ids: str, map_indexes: int, key: str) -> Any:
        return json.loads(self.pushed.get(key, "null"))


class Store:
    """What Airflow's task state store does, without Airflow."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class WorkerDiedError(BaseException):
    """Ends a try of a task as the death of its process does: nothing is told, and nothing is stopped."""


def execute_dying_in_each_phase(task: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    """
    Executes a task, try after try, each of which dies once it has sent the job of a phase.

    :param task: an operator
    :returns: the result of the try that has nothing left to send, and the phases in which others died
    """
    submit = JobRun.submit

    def submit_and_die(run: JobRun) -> LithopsJob:
        submit(run)
        raise WorkerDiedError

    monkeypatch.setattr(JobRun, "submit", submit_and_die)
    store, died = Store(), []
    while True:
        instance = Instance()
        instance.try_number = 1 + len(died)
        try:
            return task.execute({"ti": instance, "task_state_store": store}), died
        except WorkerDiedError:
            died.append(task._task_run.phase)
