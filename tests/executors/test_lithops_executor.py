"""The executor as the scheduler's loop uses it; its threads are replaced by what they would report."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.executors.executor_loader import ExecutorLoader
from airflow.executors.executor_utils import ExecutorName
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors import LithopsExecutor, lithops_executor, sender
from lithops_provider.executors.adoption import Orphan
from lithops_provider.executors.records import PREFIX
from lithops_provider.executors.reports import Report
from lithops_provider.executors.settings import CallOptions, ExecutorSettings
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient
from tests.airflow_version import AIRFLOW
from tests.executors.workloads import task
from tools.waiting import wait_until


@pytest.mark.parametrize(("alias", "known"), [(None, "LithopsExecutor"), ("serverless", "serverless")])
def test_tasks_can_ask_for_it_by_the_name_of_its_class(alias: str | None, known: str) -> None:
    given = ExecutorName("lithops_provider.executors.LithopsExecutor", alias)
    executor = ExecutorLoader.load_executor(given)
    assert executor.name is not None
    assert (executor.name.alias, executor.name.module_path) == (known, given.module_path)
    assert given.alias == alias


class Loop:
    """An executor that was started, with what it has sent by options."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.executor = LithopsExecutor(parallelism=4)
        self.sent: list[tuple[CallOptions, Workload]] = []
        monkeypatch.setattr(self.executor, "_started", lambda: SimpleNamespace(settings=ExecutorSettings()))
        monkeypatch.setattr(self.executor, "_sender", self._sender)

    def _sender(self, options: CallOptions) -> Any:
        loop = self

        class Sender:
            def send(self, workload: Workload) -> None:
                loop.sent.append((options, workload))

        return Sender()

    def queue(self, *tasks: Any) -> list[Workload]:
        """Queues tasks, and returns what the heartbeat has sent."""
        before = len(self.sent)
        for one in tasks:
            self.executor.queue_workload(one, session=None)
        self.executor.heartbeat()
        return [workload for _, workload in self.sent[before:]]

    def report(self, workload: Workload, state: TaskInstanceState, over: bool = True, info: Any = None) -> None:
        """Reports, as a thread does, and has the scheduler look."""
        self.executor._reports.append(Report(workload, state, over, info))
        self.executor.sync()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    return Loop(monkeypatch)


def test_no_more_are_sent_than_may_be_in_flight(loop: Loop) -> None:
    tasks = [task(f"task{number}") for number in range(6)]
    sent = loop.queue(*tasks)
    assert len(sent) == 4 == len(loop.executor.running)
    loop.report(sent[0], TaskInstanceState.SUCCESS)
    assert len(loop.queue()) == 1
    assert loop.executor.slots_available == -1  # four run, and one waits


def test_the_end_of_a_call_is_reported_unless_its_task_has_told_itself(loop: Loop) -> None:
    good, bad = loop.queue(task("good"), task("bad"))
    loop.report(good, TaskInstanceState.SUCCESS)
    loop.report(bad, TaskInstanceState.FAILED, info="its call is lost")
    # Of a task that was rescheduled and is scheduled by now, the scheduler must not hear that it has succeeded.
    assert loop.executor.get_event_buffer() == {bad.key: (TaskInstanceState.FAILED, "its call is lost")}
    assert not loop.executor.running
    kept = weakref.ref(loop.executor._task_event_logs[0])
    (event,) = (loop.executor._task_event_logs.popleft() for _ in range(1))
    assert (event.task_id, event.extra) == ("bad", "its call is lost")
    del event
    assert kept() is not None  # until the scheduler has stored it


@pytest.mark.parametrize("locks_rows", [True, False])
def test_the_call_of_a_task_is_told_where_rows_can_be_locked(loop: Loop, locks_rows: bool) -> None:
    """Elsewhere the scheduler would end if it wrote into a row that a quick task has left for that of its next try."""
    assert loop.executor._tells_calls is False  # this Airflow is on SQLite
    loop.executor._tells_calls = locks_rows
    (sent,) = loop.queue(task("sent"))
    loop.report(sent, TaskInstanceState.QUEUED, over=False, info="call 1")
    told = {sent.key: (TaskInstanceState.QUEUED, "call 1")}
    assert loop.executor.get_event_buffer() == (told if locks_rows else {})


def test_the_end_of_what_is_no_task_is_an_event(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback or the test of a connection tells nobody else, and the latter has no log."""
    logs: list[str] = []
    explained: list[tuple[str, str]] = []

    def explain(event: str, extra: str, ti_key: str) -> None:
        explained.append((ti_key, extra))

    monkeypatch.setattr(loop.executor, "log_task_event", explain)
    monkeypatch.setattr(lithops_executor, "add_to_task_log", lambda path, text: logs.append(text))
    good, bad = Workload("good", "good"), Workload("bad", "bad")
    for one in (good, bad):
        loop.executor.running.add(one.key)
        loop.executor._latest[one.key] = one
    loop.report(good, TaskInstanceState.SUCCESS)
    loop.report(bad, TaskInstanceState.FAILED, info="its call is lost")
    assert loop.executor.get_event_buffer() == {
        "good": (TaskInstanceState.SUCCESS, None),
        "bad": (TaskInstanceState.FAILED, "its call is lost"),
    }
    assert explained == [("bad", "its call is lost")]
    loop.executor._task_logs.shutdown()  # waits for what writes logs
    assert logs == []


def test_the_end_of_a_task_that_told_nobody_is_an_event(loop: Loop) -> None:
    (sent,) = loop.queue(task())
    loop.report(sent, TaskInstanceState.SUCCESS, info="its process was killed")

    assert loop.executor.get_event_buffer() == {sent.key: (TaskInstanceState.SUCCESS, "its process was killed")}


def test_why_a_call_has_failed_is_in_the_log_of_its_task(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it has died before Airflow's logging began: then that is all of its log."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    (bad,) = loop.queue(task("bad"))
    loop.executor._reports.append(Report(bad, TaskInstanceState.FAILED, True, "its call has died", "last\nwords"))
    loop.executor.sync()
    assert bad.log_path is not None
    loop.executor._task_logs.shutdown()  # waits for it
    lines = [json.loads(line) for line in (tmp_path / bad.log_path).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["its call has died", "last", "words"]
    assert {line["level"] for line in lines} == {"error"}


def test_a_log_that_cannot_be_written_does_not_hold_the_scheduler(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "file"))
    (bad,) = loop.queue(task("bad"))
    loop.report(bad, TaskInstanceState.FAILED, info="its call has died")
    assert loop.executor.get_event_buffer() == {bad.key: (TaskInstanceState.FAILED, "its call has died")}


def test_the_first_call_of_a_task_that_was_deferred_and_came_back_is_not_taken_for_the_second(loop: Loop) -> None:
    """Else the scheduler would fail the task, which it has queued: its executor says that it has ended."""
    given = task()
    (first,) = loop.queue(given)
    (second,) = loop.queue(given)
    loop.report(first, TaskInstanceState.SUCCESS)
    assert loop.executor.get_event_buffer() == {}
    assert second.key in loop.executor.running
    loop.report(second, TaskInstanceState.SUCCESS)
    assert not loop.executor.running


def test_what_a_task_says_about_its_executor_chooses_its_sender(loop: Loop) -> None:
    loop.queue(task("plain"), task("large", runtime_memory=4096))
    assert {workload.key.task_id: options for options, workload in loop.sent} == {
        "plain": CallOptions(),
        "large": CallOptions(runtime_memory=4096),
    }


def test_a_task_that_says_something_wrong_fails_and_is_not_sent(loop: Loop) -> None:
    wrong = task("wrong", pod_override="x")
    assert loop.queue(wrong) == []
    ((state, info),) = loop.executor.get_event_buffer().values()
    assert state == TaskInstanceState.FAILED
    assert "executor_config has 'pod_override', which the LithopsExecutor doesn't know" in info


def test_the_loop_of_the_scheduler_waits_for_no_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: LithopsClient
) -> None:
    """Whatever it calls of the executor, requests, reads of the database and writes of logs are made by threads."""
    by: set[tuple[str, threading.Thread]] = set()

    def note(owner: Any, name: str, does: Callable[..., Any]) -> None:
        def noted(*args: Any, **kwargs: Any) -> Any:
            by.add((name, threading.current_thread()))
            return does(*args, **kwargs)

        monkeypatch.setattr(owner, name, noted)

    for name in ("put", "get", "keys", "delete"):
        note(LithopsClient, name, getattr(LithopsClient, name))
    orphan, bad = task("orphan"), task("bad")
    note(lithops_executor, "_connect", lambda settings: LithopsClient(client.config))
    note(lithops_executor, "load_orphans", lambda make, ids: [Orphan(Workload.of(orphan), False)])
    note(lithops_executor, "add_to_task_log", lambda path, text: None)

    def fail(workload: str, server: str) -> None:
        raise ValueError

    monkeypatch.setattr(sender, "run_workload", fail)
    monkeypatch.setattr(lithops_executor, "_PRELOADED", ())
    executor = LithopsExecutor(parallelism=4)
    executor.start()
    assert executor.try_adopt_task_instances([SimpleNamespace(id=orphan.ti.id)]) == []
    executor.queue_workload(bad, session=None)  # type: ignore[arg-type]
    failed = {one.ti.key: TaskInstanceState.FAILED for one in (orphan, bad)}
    states: dict[Any, Any] = {}

    def beat() -> bool:
        executor.heartbeat()
        states.update({key: state for key, (state, _) in executor.get_event_buffer().items()})
        return states == failed

    wait_until(beat, lambda: f"Only these have failed: {states}")
    wait_until(lambda: not list(client.storage.list_keys(client.bucket, PREFIX)), lambda: "A record is left.")
    executor.end()
    assert {name for name, _ in by} >= {"put", "keys", "delete", "_connect", "load_orphans", "add_to_task_log"}
    assert [name for name, thread in by if thread is threading.main_thread()] == []


def test_one_that_was_not_started_sends_nothing_and_can_be_ended() -> None:
    executor = LithopsExecutor(parallelism=4)
    executor.queue_workload(task(), session=None)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="the LithopsExecutor was not started; Airflow's scheduler calls start"):
        executor.heartbeat()
    executor.terminate()
    executor.end()


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "http://localhost:8080/execution/"),
        ({"api": {"base_url": "/airflow"}}, "http://localhost:8080/airflow/execution/"),
        ({"api": {"base_url": "https://airflow.example.com/here/"}}, "https://airflow.example.com/here/execution/"),
        ({"core": {"execution_api_server_url": "http://api/execution/"}}, "http://api/execution/"),
    ],
    ids=str,
)
def test_tasks_find_the_execution_api_where_airflow_has_it(options: dict[str, dict[str, str]], address: str) -> None:
    source = ConfigParser()
    source.read_dict({"api": {}, "core": {}, **options})

    assert lithops_executor._execution_api_server_url(source) == address


def test_it_says_what_it_is_for() -> None:
    assert LithopsExecutor.supports_callbacks == (AIRFLOW >= (3, 3))
    assert LithopsExecutor.supports_connection_test
    assert not LithopsExecutor.is_local
