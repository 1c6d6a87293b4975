"""What Airflow calls of an operator besides `execute`."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from lithops_provider.operators import LithopsMapOperator
from lithops_provider.task.run import TaskRun
from tests.task.instances import Instance


@pytest.fixture
def operator() -> LithopsMapOperator:
    return LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=[-1])


def test_a_task_that_is_killed_before_it_runs_has_nothing_to_stop(operator: LithopsMapOperator) -> None:
    operator.on_kill()

    assert not hasattr(operator, "_task_run")


def test_a_task_that_is_killed_stops_its_job(operator: LithopsMapOperator, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []

    def wait_and_be_killed(run: TaskRun) -> Any:
        operator.on_kill()
        raise KeyboardInterrupt

    monkeypatch.setattr(TaskRun, "execute", wait_and_be_killed)
    monkeypatch.setattr(TaskRun, "cancel", lambda run: stopped.append(run))
    with pytest.raises(KeyboardInterrupt):
        operator.execute({"ti": Instance()})  # type: ignore[typeddict-item]

    assert stopped == [operator._task_run]


@pytest.mark.parametrize(
    ("method", "kwargs", "error"),
    [("__fail__", {"error": "Trigger timeout"}, AirflowException), ("gone_since", {}, AttributeError)],
)
def test_jobs_are_stopped_when_airflow_fails_a_deferred_task(
    operator: LithopsMapOperator,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    kwargs: dict[str, Any],
    error: type[Exception],
) -> None:
    """Airflow calls nothing else of it when its trigger has failed or timed out."""
    told: list[BaseException] = []
    monkeypatch.setattr(TaskRun, "cancel_known", lambda run, error: told.append(error))

    with pytest.raises(error) as raised:
        operator.resume_execution(method, kwargs, {"ti": Instance()})  # type: ignore[typeddict-item]

    assert told == ([raised.value] if method == "__fail__" else [])
