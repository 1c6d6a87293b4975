"""The sensor of a job that another task has sent, without a deferral; tests/airflow has it deferred."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from lithops_provider import sensors
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import ItemsFailedError, LithopsJobError, StorageUnavailableError
from lithops_provider.jobs.gather import tally
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.report.xcoms import SUMMARY_KEY
from lithops_provider.sensors import LithopsJobSensor
from lithops_provider.triggers import LithopsJobTrigger
from tests.jobs.by_key_here import store_job
from tests.jobs.conftest import MapStarter, client, run_map
from tests.jobs.elsewhere import end, sent, store
from tests.jobs.looked_at import fail_some
from tests.jobs.warm import warm_runners
from tests.task.instances import Instance
from tools.waiting import HANGS

__all__ = ["client", "run_map", "warm_runners"]  # fixtures


@pytest.fixture
def ti() -> Instance:
    return Instance()


@pytest.fixture
def context(ti: Instance) -> Any:
    return {"ti": ti}


def sensor(job: Any, **given: Any) -> LithopsJobSensor:
    return LithopsJobSensor(task_id="t", job=job, **given)


def test_a_job_that_is_over_gives_its_value_or_its_results_and_is_summed_up(
    run_map: MapStarter, ti: Instance, context: Any
) -> None:
    job = run_map(fail_some, [1, 3, 5]).job.to_dict()

    value = sensor(job, min_success_ratio=0.5).poke(context)
    results = sensor(job, min_success_ratio=0.5, get_result=True).execute(context)
    with pytest.raises(ItemsFailedError, match=r"1 of 3 item\(s\) of fail_some failed"):
        sensor(job).poke(context)

    assert (value.is_done, value.xcom_value) == (True, job)
    assert results == [1, None, 5]
    assert json.loads(ti.pushed[SUMMARY_KEY])["map"]["failed"] == 1


def test_a_job_that_runs_is_not_over(client: LithopsClient, ti: Instance, context: Any) -> None:
    found = sensor(sent(client).to_dict()).poke(context)

    assert (found.is_done, found.xcom_value, ti.pushed) == (False, None, {})


def test_a_task_without_items_has_sent_no_job(context: Any) -> None:
    found = sensor([]).poke(context)

    assert (found.is_done, found.xcom_value) == (True, [])


def test_it_waits_in_the_triggerer_without_credentials(
    client: LithopsClient, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__DEFER_AFTER", "0")
    job = sent(client).to_dict()

    with pytest.raises(TaskDeferred) as deferred:
        sensor(job, deferrable=True, poll_interval=0.5, lithops_config={"lithops": {"log_level": "DEBUG"}}).execute(
            context
        )

    trigger = deferred.value.trigger
    assert isinstance(trigger, LithopsJobTrigger)
    assert deferred.value.method_name == "resume"
    assert trigger.serialize()[1]["job"] == job


def test_a_job_that_is_over_soon_needs_no_trigger(
    client: LithopsClient, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__DEFER_AFTER", str(HANGS))
    job = sent(client, items=1, calls=1)

    def finish_meanwhile(seconds: float) -> None:
        store(client, job, 0, {0: None})
        end(client, job, 0)

    monkeypatch.setattr(sensors, "time", SimpleNamespace(sleep=finish_meanwhile))

    assert sensor(job.to_dict(), deferrable=True).execute(context) == job.to_dict()


def test_after_the_trigger_the_results_are_returned_and_summed_up(
    client: LithopsClient, ti: Instance, context: Any
) -> None:
    job = store_job(client, [2, 3])

    assert sensor(job.to_dict(), get_result=True).resume(context, {"status": "over"}) == [2, 3]
    assert json.loads(ti.pushed[SUMMARY_KEY])["map"]["succeeded"] == 2


def test_results_that_no_xcom_can_hold_are_returned_unless_one_is_pushed(client: LithopsClient, context: Any) -> None:
    job = store_job(client, [1j]).to_dict()

    assert sensor(job, get_result=True, do_xcom_push=False).resume(context, {"status": "over"}) == [1j]
    with pytest.raises(AirflowFailException, match="complex"):
        sensor(job, get_result=True).resume(context, {"status": "over"})


def test_results_are_there_without_a_summary(
    client: LithopsClient, ti: Instance, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(client: LithopsClient, job: LithopsJob) -> None:
        raise StorageUnavailableError("the storage is gone")

    monkeypatch.setattr(tally, "read_tally", fail)
    job = store_job(client, [2, 3]).to_dict()

    assert sensor(job, get_result=True).resume(context, {"status": "over"}) == [2, 3]
    assert ti.pushed == {}


def test_a_trigger_that_failed_fails_the_task(client: LithopsClient, context: Any) -> None:
    event = {"status": "failed", "message": "the storage is gone"}

    with pytest.raises(LithopsJobError, match="waiting for the job failed: the storage is gone"):
        sensor(sent(client).to_dict()).resume(context, event)


def test_what_is_no_job_is_not_tried_again(context: Any) -> None:
    with pytest.raises(AirflowFailException, match="job"):
        sensor({"executor_id": "../x"}).execute(context)
