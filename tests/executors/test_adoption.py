"""What becomes of calls whose scheduler has died, or that it has given up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors import LithopsExecutor, lithops_executor, watcher
from lithops_provider.executors.records import PREFIX, read_records
from lithops_provider.executors.reports import Reports
from lithops_provider.executors.watcher import Watcher
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient, clean_job
from lithops_provider.jobs.errors import StorageUnavailableError
from tests.executors.conftest import SETTINGS, Threads
from tests.executors.workloads import workload
from tools.waiting import HANGS, wait_until


class Another:
    """The watcher of another scheduler."""

    def __init__(self, client: LithopsClient) -> None:
        self.reports: Reports = Reports()
        self.watcher = Watcher(self.reports, SETTINGS.poll_interval, lambda: client)


@pytest.fixture
def another(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Another]]:
    """Makes another scheduler, which doesn't wait with cleaning."""
    monkeypatch.setattr(watcher, "_FOREIGN_KEPT", 0.0)
    monkeypatch.setattr(watcher, "_FOREIGN_INTERVAL", 0.05)
    made: list[Another] = []

    class Made(Another):
        def __init__(self) -> None:
            super().__init__(client)
            made.append(self)

    yield Made  # type: ignore[misc]
    for one in made:
        one.watcher.stop(HANGS)


def send(threads: Threads, client: LithopsClient, *workloads: Workload) -> None:
    """Sends workloads as one job, and ends the scheduler as if it were killed."""
    for one in workloads:
        threads.sender.send(one)
    wait_until(lambda: len(threads.reports) == len(workloads), lambda: "They were not sent.")
    threads.watcher.stop(HANGS)


def wait_until_nothing_is_left(client: LithopsClient) -> None:
    wait_until(lambda: not client.keys(client.bucket, PREFIX), lambda: "The record is left.")


def test_another_scheduler_goes_on_with_what_was_sent(
    threads: Threads, client: LithopsClient, another: Any, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    first, over, second = workload(f"wait {go}", "first"), workload("ok", "over"), workload(f"wait {go}", "second")
    send(threads, client, first, over, second)

    taker = another()
    wanted = {one.id: Workload(one.key, one.id) for one in (first, second)}
    adopted = taker.watcher.adopt(client, {**wanted, "never sent": workload("", "third")})
    assert adopted == {*wanted}
    go.touch()
    wait_until_nothing_is_left(client)
    ends = {report.workload: report.state for report in taker.reports if report.over}
    assert ends == dict.fromkeys(wanted.values(), TaskInstanceState.SUCCESS)


def test_what_a_dead_scheduler_has_left_is_deleted(threads: Threads, client: LithopsClient, another: Any) -> None:
    send(threads, client, workload("ok"))
    (record,) = read_records(client)
    taker = another()
    wait_until_nothing_is_left(client)
    assert client.keys(client.bucket, record.job.prefix) == []
    assert not taker.reports


def test_a_job_whose_own_scheduler_is_alive_is_forgotten_once_it_is_over(
    threads: Threads, client: LithopsClient, another: Any, tmp_path: Path
) -> None:
    threads.sender.send(workload(f"wait {tmp_path / 'go'}"))
    wait_until(lambda: read_records(client), lambda: "It was not sent.")
    taker = another()
    wait_until(lambda: taker.watcher._jobs, lambda: "The job was not found.")
    Path(tmp_path / "go").touch()
    wait_until_nothing_is_left(client)
    wait_until(lambda: not taker.watcher._jobs, lambda: "The job is still followed.")


def test_a_damaged_record_is_left_alone(client: LithopsClient) -> None:
    key = f"{PREFIX}0123456789abcdef-0.json"
    client.put(key, b'{"job": {"lithops_job": 1}, "ids": []}')
    assert read_records(client) == []
    client.delete(client.bucket, [key])


def instance(one: Workload) -> Any:
    return SimpleNamespace(id=one.id, key=one.key, **one.key._asdict())


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch, threads: Threads) -> LithopsExecutor:
    made = LithopsExecutor(parallelism=4)
    monkeypatch.setattr(made, "_started", lambda: (SETTINGS, threads.watcher))
    made._watcher, made._reports = threads.watcher, threads.reports
    return made


def test_the_executor_adopts_what_was_sent_and_returns_the_rest(
    executor: LithopsExecutor, client: LithopsClient, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, unsent, own = workload("", "sent"), workload("", "unsent"), workload("", "own")
    executor._latest[own.key] = own
    monkeypatch.setattr(executor, "_storage", lambda: client)
    monkeypatch.setattr(threads.watcher, "adopt", lambda client, workloads: {*workloads} & {sent.id})
    tis = [instance(one) for one in (sent, unsent, own)]
    assert executor.try_adopt_task_instances(tis) == [tis[1]]
    assert executor.running == {sent.key}
    assert executor._latest[own.key] is own


def test_the_session_of_the_scheduler_is_not_touched(
    executor: LithopsExecutor, client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a connection ends the session of its thread, and the scheduler goes on with the task instances in it."""
    threads_seen = []

    def storage() -> LithopsClient:
        threads_seen.append(threading.current_thread())
        return client

    monkeypatch.setattr(executor, "_storage", storage)
    executor.try_adopt_task_instances([])
    assert threads_seen
    assert threading.current_thread() not in threads_seen


def test_the_watcher_can_open_the_storage_before_start_has_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    made = LithopsExecutor(parallelism=4)
    made._settings = SETTINGS
    monkeypatch.setattr(lithops_executor, "_connect", lambda settings, patience: "opened")
    assert made._storage() == "opened"


def test_a_storage_that_does_not_answer_leaves_tasks_as_they_are(
    executor: LithopsExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> LithopsClient:
        raise StorageUnavailableError("it is down")

    monkeypatch.setattr(executor, "_storage", fail)
    assert executor.try_adopt_task_instances([instance(workload(""))]) == []
    assert not executor.running


def test_nothing_is_reported_of_a_task_that_was_revoked(
    executor: LithopsExecutor, threads: Threads, client: LithopsClient
) -> None:
    revoked, other = workload("raise no", "revoked"), workload("ok", "other")
    for one in (revoked, other):
        executor.running.add(one.key)
        executor._latest[one.key] = one
        threads.sender.send(one)
    executor.revoke_task(ti=instance(revoked))
    assert executor.running == {other.key}
    wait_until(lambda: executor.sync() or not executor.running, lambda: "The other has not ended.")
    wait_until_nothing_is_left(client)
    executor.sync()
    assert [key for key, (state, _) in executor.get_event_buffer().items()] == [other.key]


def ended(threads: Threads, failure: dict[str, str]) -> Any:
    threads.watcher._report_end(workload(""), {"traceback": "", "output": "", **failure})
    return threads.reports.pop()


def test_a_call_that_is_refused_since_another_runs_the_task_says_nothing(
    executor: LithopsExecutor, threads: Threads
) -> None:
    report = ended(threads, {"type": "TaskAlreadyRunningError", "message": "Task instance is already running"})
    executor._latest[report.workload.key] = report.workload
    executor.running.add(report.workload.key)
    threads.reports.append(report)
    executor.sync()
    assert not executor.running
    assert executor.get_event_buffer() == {}


def test_a_token_that_has_expired_is_said_with_what_to_set(threads: Threads) -> None:
    message = "Invalid auth token: Signature has expired"
    report = ended(threads, {"type": "ServerResponseError", "message": message})
    assert "raise [scheduler] task_queued_timeout" in str(report.info)


def test_jobs_of_others_are_not_cleaned_before_their_time(
    threads: Threads, client: LithopsClient, another: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_FOREIGN_KEPT", 3600.0)
    send(threads, client, workload("ok"))
    taker = another()
    wait_until(lambda: any(one.over_since for one in taker.watcher._jobs), lambda: "It is not seen to be over.")
    (record,) = read_records(client)
    clean_job(client, record.job)
    client.delete(client.bucket, [record.key])
