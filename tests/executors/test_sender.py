"""What cannot be sent is told, and what comes later is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow.utils.state import TaskInstanceState

from lithops_provider.jobs import LithopsClient
from lithops_provider.jobs.errors import StorageUnavailableError
from tests.executors.conftest import SETTINGS, Threads
from tests.executors.workloads import TOKEN, workload


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
