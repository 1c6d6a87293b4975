"""What cannot be sent is told, and what comes later is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors import sender as sender_module
from lithops_provider.executors.records import JobRecord, read_records
from lithops_provider.jobs import LithopsClient
from lithops_provider.jobs.errors import StorageUnavailableError
from tests.executors.conftest import SETTINGS, Threads
from tests.executors.workloads import TOKEN, workload
from tests.jobs.conftest import FaasMaker
from tools.waiting import HANGS


def test_what_cannot_be_sent_fails_and_the_sender_goes_on(threads: Threads, client: LithopsClient) -> None:
    down = [True]

    def connect(settings: Any) -> LithopsClient:
        if down.pop() if down else False:
            raise StorageUnavailableError("it is down")
        return client

    sender = threads.sender_with(connect)
    first, second = workload(f"ok {TOKEN}"), workload("ok", "second")
    sender.send(first)
    failed = threads.wait_for_end(first)[first]
    assert failed.state == TaskInstanceState.FAILED
    assert failed.info == "it could not be sent with Lithops: StorageUnavailableError: it is down"
    sender.send(second)
    assert threads.wait_for_end(second)[second].state == TaskInstanceState.SUCCESS
    sender.stop(60)


def test_what_is_handed_over_at_once_goes_as_one_job_and_waits_for_nothing_else(threads: Threads) -> None:
    sender = threads.sender_with(settings=replace(SETTINGS, gather_seconds=100_000.0))
    many = [workload("ok", str(number)) for number in range(5)]
    for one in many:
        sender.send(one)
    threads.wait_for_end(*many)
    calls = {report.info for report in threads.seen if report.state == TaskInstanceState.QUEUED}
    sender.stop(60)

    assert len(calls) == 5
    assert len({str(call).rpartition("/")[0] for call in calls}) == 1


def test_one_job_has_no_more_calls_than_a_machine_bears(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "MOST_CALLS", 2)
    sender = threads.sender_with(settings=replace(SETTINGS, gather_seconds=100_000.0))
    many = [workload("ok", str(number)) for number in range(3)]
    for one in many:
        sender.send(one)
    threads.wait_for_end(*many)
    calls = [str(report.info) for report in threads.seen if report.state == TaskInstanceState.QUEUED]
    sender.stop(HANGS)

    assert [call.rpartition("/")[2] for call in calls] == ["00000", "00001", "00000"]


def test_one_that_ends_sends_what_is_waiting(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "_PAUSE", HANGS)  # so that it gathers until it is told to end
    sender = threads.sender_with(settings=replace(SETTINGS, gather_seconds=100_000.0))
    waiting = workload("ok")
    sender.send(waiting)
    sender.stop(HANGS)

    assert not sender._thread.is_alive()
    assert threads.wait_for_end(waiting)[waiting].state == TaskInstanceState.SUCCESS


def test_nothing_is_left_of_a_job_that_a_backend_refuses(
    threads: Threads, faas: FaasMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = faas(max_workers=1)
    recorded: list[JobRecord] = []

    def refuse(self: object, runtime_name: str, memory: int, payload: dict[str, Any]) -> str:
        recorded.extend(read_records(refusing))
        raise PermissionError("it refuses")

    monkeypatch.setattr(type(refusing.compute.handler.backend), "invoke", refuse)
    sender = threads.sender_with(lambda settings: refusing)
    one = workload("ok")
    sender.send(one)
    end = threads.wait_for_end(one)[one]
    sender.stop(HANGS)

    assert end.state == TaskInstanceState.FAILED
    assert "it refuses" in str(end.info)
    assert recorded[0].ids == (one.id,)
    assert read_records(refusing) == []
    assert refusing.keys(refusing.bucket, recorded[0].job.prefix) == []
