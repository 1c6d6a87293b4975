"""What a task keeps over its phases and over deferrals, and how much of that lies in Airflow's database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.binding.function import bind_function
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import StorageUnavailableError
from lithops_provider.jobs.follow.states import RunState
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.operators import LithopsMapReduceOperator
from lithops_provider.task.handover import Deferred, Handover
from lithops_provider.triggers import LithopsJobTrigger
from tests.jobs.made import make_job

OBJECTS = 100_000

#: The kwargs of a trigger as the release before `Handover` stored them, of a deferred reduce by object.
STORED: dict[str, Any] = json.loads("""
{"lithops_conn_id": "lithops_default", "poll_interval": null, "arguments": {}, "lithops_config": null, "deadline": 2e9,
 "owner": "01990000-0000-7000-8000-000000000000/1", "interrupted": false,
 "job": {"lithops_job": 1, "executor_id": "0123456789abcdef-0", "kind": "reduce", "function": "total", "items": 2,
  "backend": "localhost", "storage": "localhost", "bucket": "b", "runtime": "python", "timeout": 1800.0, "host": "h",
  "created": 1700000000.5, "rounds": [{"job_id": "R000", "items": 2, "calls": 2, "submitted": 1700000000.75}]},
 "state": {"phase": "reduce", "since": 0, "memory": 512, "deadline": 2e9, "end": null,
  "job": {"lithops_job": 1, "executor_id": "0123456789abcdef-0", "kind": "reduce", "function": "total", "items": 2,
   "backend": "localhost", "storage": "localhost", "bucket": "b", "runtime": "python", "timeout": 1800.0, "host": "h",
   "created": 1700000000.5, "rounds": [{"job_id": "R000", "items": 2, "calls": 2, "submitted": 1700000000.75}]},
  "carried": {"chunks": [2, 1], "written": [["b", "out"]], "summaries": {"map": {"job": "fedcba9876543210-0"}},
   "map": {"lithops_job": 1, "executor_id": "fedcba9876543210-0", "kind": "map", "function": "count", "items": 3,
    "backend": "localhost", "storage": "localhost", "bucket": "b", "runtime": "python", "timeout": 1800.0, "host": "h",
    "created": 1600000000.5, "rounds": [{"job_id": "M000", "items": 3, "calls": 3, "submitted": 1600000000.75}]}}}}
""")


@pytest.fixture
def client() -> LithopsClient:
    return LithopsClient(resolve_config())


@pytest.fixture
def job(client: LithopsClient) -> LithopsJob:
    return make_job(bucket=client.bucket)


def test_what_an_earlier_release_stored_with_a_trigger_is_read(client: LithopsClient) -> None:
    trigger = LithopsJobTrigger(**STORED)
    deferred = Deferred.from_dict(trigger.serialize()[1]["state"])

    assert (deferred.phase, deferred.job.executor_id) == ("reduce", "0123456789abcdef-0")
    assert deferred.run == RunState(since=0, memory=512)
    assert (deferred.deadline, deferred.end) == (2e9, None)
    assert deferred.handover.jobs["map"].executor_id == "fedcba9876543210-0"
    assert deferred.handover.object_chunks(client, "map") == [2, 1]
    assert deferred.handover.written == [("b", "out")]
    assert deferred.handover.summaries == {"map": {"job": "fedcba9876543210-0"}}


def test_all_of_it_but_the_chunks_is_there_after_a_deferral(job: LithopsJob) -> None:
    handover = Handover({"map": job}, [("b", "p")], {"map": {"job": job.executor_id}}, chunks=[1, 2])
    deferred = Deferred("map", job, handover, RunState(1, None), 5.0, None)

    again = Deferred.from_dict(json.loads(json.dumps(deferred.to_dict())))

    assert again.handover.chunks is None
    handover.chunks = None
    assert again == deferred


def test_chunks_are_read_from_where_they_lie_with_the_job(client: LithopsClient, job: LithopsJob) -> None:
    Handover(chunks=[3, 0, 7]).store_chunks(client, job)

    assert Handover({"map": job}).object_chunks(client, "map") == [3, 0, 7]


def test_chunks_that_are_gone_are_an_error(client: LithopsClient, job: LithopsJob) -> None:
    with pytest.raises(StorageUnavailableError, match=r"the number of chunks of each object is gone from localhost://"):
        Handover({"map": job}).object_chunks(client, "map")


class Instance:
    """A task instance as far as sending needs one."""

    id, try_number, dag_id, run_id, task_id, map_index = "01990000-0000-7000-8000-000000000000", 1, "d", "r", "t", -1

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)

    def get_task_states(self, **names: Any) -> dict[str, Any]:
        return {}


def size(obj: Any) -> int:
    return len(obj.data_stream.read())


def test_a_deferred_job_of_very_many_objects_takes_few_bytes_of_the_database(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind_objects(client: LithopsClient, function: Any, iterdata: Any, *args: Any, **options: Any) -> Any:
        return bind_function(function), [((index,), {}) for index in iterdata], [1] * len(iterdata)

    def submit_round(client: LithopsClient, job: LithopsJob, *args: Any) -> tuple[LithopsJob, list[Any]]:
        *_, record = args
        job = job.with_round(job.items, 1_000)
        record(job)
        return job, []

    monkeypatch.setattr("lithops_provider.jobs.inputs.objects.bind_objects", bind_objects)
    monkeypatch.setattr("lithops_provider.jobs.run.submit_round", submit_round)
    monkeypatch.setattr("lithops_provider.jobs.run.JobRun.finish", lambda run, enough: False)
    monkeypatch.setattr(LithopsHook, "get_config", lambda hook: client.config)
    operator = LithopsMapReduceOperator(
        task_id="t",
        map_function=size,
        map_iterdata=range(OBJECTS),
        reduce_function=sum,
        obj_reduce_by_key=True,
        deferrable=True,
    )

    with pytest.raises(TaskDeferred) as deferral:
        operator.execute({"ti": Instance()})  # type: ignore[typeddict-item]

    kwargs = deferral.value.trigger.serialize()[1]
    assert kwargs["job"]["items"] == OBJECTS
    assert len(json.dumps(kwargs)) < 4096
    handover = Handover({"map": LithopsJob.from_dict(kwargs["job"])})
    assert handover.object_chunks(client, "map") == [1] * OBJECTS
