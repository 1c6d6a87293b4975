"""Workloads are sent, followed and forgotten: the threads of the executor against a real localhost backend."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.utils.state import TaskInstanceState

from lithops_provider.executors import watcher
from lithops_provider.executors.records import PREFIX, JobRecord, read_records
from lithops_provider.executors.reports import Again, Report, Reports
from lithops_provider.executors.watcher import Watcher
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient
from lithops_provider.jobs.errors import StorageUnavailableError
from lithops_provider.jobs.follow.processes import runner_pids
from lithops_provider.jobs.gather.call_ends import CallFailure
from lithops_provider.jobs.remote.keys import BEGUN
from tests.executors.conftest import Threads
from tests.executors.workloads import TOKEN, workload
from tests.jobs.conftest import FaasMaker, kill_all
from tests.jobs.elsewhere import end, sent, store
from tools.waiting import wait_until


def assert_nothing_is_left(client: LithopsClient, record: JobRecord) -> None:
    def left() -> list[str]:
        return [*client.keys(client.bucket, record.job.prefix), *client.keys(client.bucket, PREFIX)]

    wait_until(lambda: not left(), lambda: f"These are left: {left()}")


@pytest.mark.parametrize(
    ("failure", "state"),
    [("TaskProcessDiedError", TaskInstanceState.SUCCESS), ("ValueError", TaskInstanceState.FAILED)],
)
def test_a_task_whose_process_was_killed_is_reported_as_by_the_local_executor(
    failure: str, state: TaskInstanceState
) -> None:
    """The scheduler sees that the task itself is not over, and then tells clearing from dying."""
    threads: Any = SimpleNamespace(_reports=Reports())
    one = workload("data")
    Watcher._report_end(threads, one, CallFailure(failure, "because"))

    (report,) = threads._reports
    assert (report.workload, report.state, report.over) == (one, state, True)
    assert report.info == f"its call has failed: {failure}: because"


class EndsMeanwhile(dict[int, Workload]):
    """Workloads whose ends another thread reports while somebody looks at them."""

    def items(self) -> Any:
        found = list(super().items())
        self.clear()
        return found


def test_a_workload_may_end_while_it_is_forgotten() -> None:
    one = workload("data")
    workloads = EndsMeanwhile({0: one, 1: workload("other")})
    threads: Any = SimpleNamespace(_lock=threading.Lock(), _jobs=[SimpleNamespace(workloads=workloads)])

    Watcher.forget(threads, one)

    assert workloads == {}


def test_each_workload_ends_by_itself_and_nothing_is_left(
    threads: Threads, client: LithopsClient, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    good, bad, dead = workload(f"ok {TOKEN}", "good"), workload("raise no", "bad"), workload("die", "dead")
    slow = workload(f"wait {go}", "slow")
    for one in (good, bad, dead, slow):
        threads.sender.send(one)
    ends = threads.wait_for_end(good, bad, dead)

    assert slow not in ends
    (record,) = read_records(client)
    assert record.ids == tuple(one.id for one in (good, bad, dead, slow))
    assert TOKEN not in record.to_json().decode()
    assert (ends[good].state, ends[good].info) == (TaskInstanceState.SUCCESS, None)
    assert ends[bad].state == ends[dead].state == TaskInstanceState.FAILED
    assert ends[bad].info == "its call has failed: ValueError: no"
    assert "killed by SIGKILL" in str(ends[dead].info)
    assert "last words" in ends[dead].output
    calls = {report.workload: report.info for report in threads.seen if not report.over}
    assert calls[slow] == f"{record.job.executor_id}-M000/00003"

    go.touch()
    assert threads.wait_for_end(slow)[slow].state == TaskInstanceState.SUCCESS
    assert_nothing_is_left(client, record)


def test_calls_whose_runner_is_killed_fail_at_once(threads: Threads, client: LithopsClient, tmp_path: Path) -> None:
    begun = workload(f"wait {tmp_path / 'never'}")
    threads.sender.send(begun)
    wait_until(lambda: any(report.workload is begun for report in threads.reports), lambda: "It was not sent.")
    (record,) = read_records(client)
    wait_until(lambda: runner_pids(record.job), lambda: "There is no runner.")
    kill_all(runner_pids(record.job))

    end = threads.wait_for_end(begun)[begun]
    assert end.state == TaskInstanceState.FAILED
    assert end.info == "its call is lost: the process that ran the calls on this machine is gone"
    assert_nothing_is_left(client, record)


def test_a_call_is_not_awaited_for_longer_than_its_backend_lets_it_run(
    threads: Threads, client: LithopsClient, faas: FaasMaker, tmp_path: Path
) -> None:
    """A function that is killed there says nothing."""
    sender = threads.sender_with(lambda settings: faas(runtime_timeout=100))
    held = workload(f"wait {tmp_path / 'go'}")
    sender.send(held)
    wait_until(lambda: read_records(client), lambda: "It was not sent.")
    (record,) = read_records(client)
    assert record.job.timeout == 95
    (tmp_path / "go").touch()
    threads.wait_for_end(held)
    sender.stop(60)
    assert_nothing_is_left(client, record)


class Failing(LithopsClient):
    """A storage whose first requests fail."""

    def __init__(self, config: dict[str, Any], *errors: Exception) -> None:
        super().__init__(config)
        self.errors = [*errors]

    def keys(self, bucket: str, prefix: str) -> list[str]:
        if self.errors:
            raise self.errors.pop(0)
        return super().keys(bucket, prefix)


def test_looks_that_fail_are_told_and_repeated(
    threads: Threads, client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    job = sent(client, items=1, calls=1)
    store(client, job, 0, {0: None})
    end(client, job, 0)
    one = workload("data")

    storage = Failing(client.config, StorageUnavailableError("it is down"), ValueError("it says nonsense"))
    threads.watcher.watch(job, storage, {0: one})

    assert threads.wait_for_end(one)[one].state == TaskInstanceState.SUCCESS
    told = [record for record in caplog.records if record.name == watcher.__name__]
    assert [(record.levelname, record.getMessage()) for record in told] == [
        ("WARNING", f"Job {job.executor_id} of the executor can't be looked at: it is down"),
        ("ERROR", f"Looking at job {job.executor_id} of the executor failed"),
    ]
    assert told[1].exc_text is not None
    assert "it says nonsense" in told[1].exc_text


def test_a_call_that_was_kept_from_beginning_is_sent_again(threads: Threads, client: LithopsClient) -> None:
    """Lithops stores a status of it, as of each call, but it has no outcome."""
    job = sent(client, items=2, calls=2)
    store(client, job, 0, {0: None})
    end(client, job, 0, 1)
    begun, kept = workload("data", "begun"), workload("data", "kept")

    threads.watcher.watch(job, client, {0: begun, 1: kept}, foreign=True, interrupted=True)

    wait_until(lambda: len(threads.reports) == 4, lambda: f"There are only {[*threads.reports]}")
    last = [*threads.reports][2:]
    assert [(type(one), one.workload) for one in last] == [(Report, begun), (Again, kept)]
    assert last[0].state == TaskInstanceState.SUCCESS


def test_the_beginning_of_a_workload_is_reported_once_if_it_has_a_state_for_that(
    threads: Threads, client: LithopsClient
) -> None:
    """A callback has one."""
    job = sent(client, items=1, calls=1)
    client.put(f"{job.round_prefix()}/00000/{BEGUN}", b"1.0")
    callback = Workload("key", "key", running="running", success="success")

    threads.watcher.watch(job, client, {0: callback})
    wait_until(lambda: threads.reports, lambda: "Its beginning is not reported.")
    store(client, job, 0, {0: None})
    end(client, job, 0)

    threads.wait_for_end(callback)
    assert [(report.state, report.over) for report in threads.seen] == [("running", False), ("success", True)]
