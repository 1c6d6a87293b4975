"""What becomes of a task's jobs: when it begins, after a deferral, and when it is ended."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowTaskTimeout

from lithops_provider.jobs.adapter.prepared_runner import PreparedRunner
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import LithopsJobError, StorageUnavailableError
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.follow.states import RoundEnd, RunState
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
from lithops_provider.report.xcoms import JOB_KEY, SUMMARY_KEY
from lithops_provider.task import run as task_run
from lithops_provider.task.durable import KEY, KnownJob
from lithops_provider.task.handover import Deferred, Handover
from tests.jobs.made import make_job
from tests.task.instances import Instance, Store


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


# -- after a deferral ------------------------------------------------------------------------------------------------


def succeed_once_it_has_failed(path: str) -> bool:
    if Path(path).exists():
        return True
    Path(path).touch()
    raise ValueError("the first time")


def map_over(path: Path, **arguments: Any) -> Any:
    return LithopsMapOperator(
        task_id="task", map_function=succeed_once_it_has_failed, map_iterdata=[str(path)], **arguments
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def job(path: Path) -> LithopsJob:
    """The job of a task like `map_over`: its only item has failed."""
    instance = Instance()
    assert map_over(path, min_success_ratio=0.0).execute({"ti": instance}) == [None]
    return LithopsJob.from_dict(json.loads(instance.pushed[JOB_KEY])["jobs"]["map"])


def event_of(job: LithopsJob, **event: Any) -> dict[str, Any]:
    return {**event, "state": Deferred("map", job, Handover(), RunState(0), None, None).to_dict()}


def test_an_item_that_has_failed_is_sent_again_after_a_deferral(job: LithopsJob, path: Path) -> None:
    event = event_of(job, status="over", **RoundEnd().to_dict())

    assert map_over(path, item_retries=1).resume({"ti": Instance()}, event) == [True]


def test_the_error_of_a_trigger_is_told(job: LithopsJob, path: Path) -> None:
    event = event_of(job, status="error", message="OSError: no such host")

    with pytest.raises(LithopsJobError, match=f"^waiting for job {job.executor_id} failed: OSError: no such host$"):
        map_over(path).resume({"ti": Instance()}, event)


def test_a_job_whose_items_are_gone_when_its_task_comes_back(job: LithopsJob, path: Path) -> None:
    LithopsClient(resolve_config()).delete(job.bucket, [job.items_key()])

    with pytest.raises(
        StorageUnavailableError, match=f"^the items of job {job.executor_id} are gone from localhost://"
    ):
        map_over(path).resume({"ti": Instance()}, event_of(job, status="over", **RoundEnd().to_dict()))


@pytest.fixture
def _logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the operator write its log where pytest reads it."""
    monkeypatch.setattr(LithopsMapOperator, "log", logging.getLogger(__name__))


# -- a task that is ended --------------------------------------------------------------------------------------------


class Ended:
    """
    A task whose trigger has timed out, with the job of its first try.

    :param job: the job
    :param path: what its item is
    """

    def __init__(self, job: LithopsJob, path: Path) -> None:
        self.store, self.instance = Store(), Instance()
        self.store.set(KEY, {"map": KnownJob(job, dict.fromkeys(("items", "shared", "function"), "")).to_dict()})
        self.job = job
        self.operator = map_over(path)
        self.client = LithopsClient(resolve_config())

    def end(self) -> None:
        context: Any = {"ti": self.instance, "task_state_store": self.store}
        with pytest.raises(AirflowException, match="Trigger timeout"):
            self.operator.resume_execution("__fail__", {"error": "Trigger timeout"}, context)

    @property
    def stopped(self) -> bool:
        return self.client.get(self.job.bucket, self.job.stop_key()) is not None


@pytest.fixture
def ended(job: LithopsJob, path: Path) -> Ended:
    return Ended(job, path)


def test_the_job_of_a_task_whose_trigger_has_timed_out_is_stopped_and_summed_up(ended: Ended) -> None:
    ended.end()

    assert ended.stopped
    assert json.loads(ended.instance.pushed[SUMMARY_KEY])["map"]["job"] == ended.job.executor_id


def test_a_job_that_another_try_waits_for_goes_on(ended: Ended) -> None:
    set_owner(ended.client, ended.job, "another try")

    ended.end()

    assert not ended.stopped
    assert ended.instance.pushed == {}


def test_a_summary_of_a_job_that_was_over_before_stays(ended: Ended) -> None:
    summary = {"map": {"job": ended.job.executor_id, "state": "as it was"}}
    ended.instance.xcom_push(SUMMARY_KEY, summary)

    ended.end()

    assert json.loads(ended.instance.pushed[SUMMARY_KEY]) == summary


def fail(*arguments: Any, **named: Any) -> None:
    raise LithopsJobError("the storage is down")


@pytest.mark.usefixtures("_logged")
def test_a_job_that_cannot_be_stopped_is_told_beside_the_error_of_the_task(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(task_run.TaskRun, "_client", fail)

    ended.end()

    assert "The job could not be cancelled" in caplog.text
    assert "the storage is down" in caplog.text
    assert not ended.stopped


@pytest.mark.usefixtures("_logged")
def test_a_stopped_job_that_cannot_be_summed_up_is_told_beside_the_error_of_the_task(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(task_run, "sum_up", fail)

    ended.end()

    assert ended.stopped
    assert f"Job {ended.job.executor_id} could not be summed up" in caplog.text
    assert "the storage is down" in caplog.text


@pytest.mark.usefixtures("_logged")
def test_a_task_whose_job_cannot_be_summed_up_has_its_results(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(task_run, "sum_up", fail)

    assert a_map().execute({"ti": Instance()}) == [2]
    assert "could not be summed up" in caplog.text


def test_a_task_that_is_ended_before_it_has_a_job_has_nothing_to_stop(
    job: LithopsJob, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_out(run: task_run.TaskRun) -> None:
        raise AirflowTaskTimeout("too late")

    monkeypatch.setattr(task_run.TaskRun, "_client", time_out)
    instance = Instance()

    with pytest.raises(AirflowTaskTimeout, match="too late"):
        map_over(path).resume({"ti": instance}, event_of(job, status="over", **RoundEnd().to_dict()))
    assert instance.pushed == {}


def test_results_that_are_not_pushed_may_be_of_any_kind() -> None:
    operator: Any = LithopsMapOperator(task_id="task", map_function=complex, map_iterdata=[1], do_xcom_push=False)

    assert operator.execute({"ti": Instance()}) == [1 + 0j]


@pytest.mark.parametrize("clean_data", [True, False])
def test_the_data_of_a_job_goes_once_its_task_has_succeeded_if_it_is_to(clean_data: bool) -> None:
    operator: Any = LithopsMapOperator(task_id="t", map_function=double, map_iterdata=[1], clean_data=clean_data)
    instance, client = Instance(), LithopsClient(resolve_config())
    assert operator.execute({"ti": instance}) == [2]
    job = LithopsJob.from_dict(json.loads(instance.pushed[JOB_KEY])["jobs"]["map"])
    assert client.keys(job.bucket, f"{job.prefix}-") != []

    for callback in operator.on_success_callback:  # as Airflow does after the push
        callback({})

    assert (client.keys(job.bucket, f"{job.prefix}-") == []) is clean_data
