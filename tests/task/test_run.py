from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from lithops_provider.jobs.adapter.prepared_runner import PreparedRunner
from lithops_provider.jobs.follow.states import RunState
from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
from lithops_provider.task.handover import Deferred, Handover
from tests.jobs.made import make_job
from tests.task.instances import Instance


def double(x: int) -> int:
    return 2 * x


def a_call() -> Any:
    return LithopsCallAsyncOperator(task_id="task", func=double, data=1)


def a_map() -> Any:
    return LithopsMapOperator(task_id="task", map_function=double, map_iterdata=[1])


def a_map_reduce() -> Any:
    return LithopsMapReduceOperator(task_id="task", map_function=double, map_iterdata=[1], reduce_function=sum)


@pytest.mark.parametrize(
    ("operator", "phase", "kind"),
    [
        (a_call(), "map", "LithopsCallAsyncOperator"),
        (a_map(), "call", "LithopsMapOperator"),
        (a_map(), "reduce", "LithopsMapOperator"),
        (a_map_reduce(), "call", "LithopsMapReduceOperator"),
    ],
)
def test_a_task_that_was_deferred_as_another_kind_of_operator(operator: Any, phase: str, kind: str) -> None:
    ti = SimpleNamespace(
        id="1", try_number=1, dag_id="dag", run_id="run", task_id="task", map_index=-1, xcom_push=lambda **_: None
    )
    state = Deferred(phase, make_job(items=1), Handover(), RunState(0), None, None)  # type: ignore[arg-type]
    event = {"status": "done", "state": state.to_dict()}

    with pytest.raises(
        AirflowFailException, match=f"while it ran a {phase}, but by now it is a {kind}.*Clear the task"
    ):
        operator.resume({"ti": ti}, event)


def test_requirements_beside_a_runtime_are_refused_before_anything_is_sent() -> None:
    operator: Any = LithopsMapOperator(
        task_id="task", map_function=double, map_iterdata=[1], requirements=["shapely"], runtime="/usr/bin/python3"
    )
    ti = SimpleNamespace(
        id="1", try_number=1, dag_id="dag", run_id="run", task_id="task", map_index=-1, xcom_push=lambda **_: None
    )
    with pytest.raises(
        AirflowFailException, match="requirements can't be installed into the runtime '/usr/bin/python3'"
    ):
        operator.execute({"ti": ti})


def test_the_runner_of_the_first_job_has_started_before_the_job_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    run, started = PreparedRunner.run, []

    def noted(runner: PreparedRunner, *arguments: Any) -> Any:
        started.append(run(runner, *arguments))
        return started[-1]

    monkeypatch.setattr(PreparedRunner, "run", noted)
    monkeypatch.setenv("SOMETHING_NEW", "so that the runner isn't one that was forked for the tests")
    operator = LithopsMapOperator(task_id="task", map_function=os.getsid, map_iterdata=[0])

    assert operator.execute({"ti": Instance()}) == [started[0].pid]  # type: ignore[typeddict-item]
    assert started[0].wait(60) == 0
