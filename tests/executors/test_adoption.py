"""What becomes of calls whose scheduler has died, or that it has given up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from sqlalchemy import insert, select

from lithops_provider.executors import LithopsExecutor, adoption, watcher
from lithops_provider.executors.adoption import Adopter, Orphan, load_orphans
from lithops_provider.executors.records import PREFIX, JobRecord, read_records, write_record
from lithops_provider.executors.reports import Again, Report, Reports, Taken
from lithops_provider.executors.watcher import Watcher
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient, Options, bind_items, clean_job, make_spec
from lithops_provider.jobs.errors import StorageUnavailableError
from lithops_provider.jobs.follow import follower
from lithops_provider.jobs.gather.call_ends import CallFailure
from lithops_provider.jobs.submit.send import new_job
from tests.executors.conftest import SETTINGS, Threads
from tests.executors.workloads import task, workload
from tests.status.database import START, Database, database
from tools.waiting import HANGS, wait_until

__all__ = ["database"]  # a fixture


class Another:
    """The threads of another scheduler; `orphans` are what Airflow's database says of the tasks."""

    def __init__(self, client: LithopsClient) -> None:
        self.reports: Reports = Reports()
        self.orphans: list[Orphan] = []
        self.watcher = Watcher(self.reports, SETTINGS.poll_interval)
        self.adopter = Adopter(lambda: client, lambda ids: self.orphans, self.watcher, self.reports)
        self.adopter.adopt(())

    def adopt(self, *workloads: Workload, running: bool = False) -> dict[str, Workload]:
        """Has tasks gone on with; returns what they are to this scheduler."""
        taken = {one.id: Workload(one.key, one.id) for one in workloads}
        self.orphans[:] = [Orphan(one, running) for one in taken.values()]
        self.adopter.adopt(list(taken))
        return taken

    def ends(self) -> dict[str, object]:
        """What has become of tasks, by their ids: their last state, or that they are to be queued again."""
        last = [report for report in self.reports if isinstance(report, Again) or getattr(report, "over", False)]
        return {one.workload.id: one.state if isinstance(one, Report) else Again for one in last}

    def wait_for_ends(self, wanted: dict[str, object]) -> None:
        wait_until(lambda: self.ends() == wanted, lambda: f"There is only {[*self.reports]}")


Make = Callable[[], Another]


@pytest.fixture
def another(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes another scheduler, which doesn't wait with cleaning."""
    monkeypatch.setattr(watcher, "_FOREIGN_KEPT", 0.0)
    monkeypatch.setattr(watcher, "_FOREIGN_INTERVAL", 0.05)
    monkeypatch.setattr(adoption, "_PAUSE", 0.05)
    made: list[Another] = []

    def make() -> Another:
        made.append(Another(client))
        return made[-1]

    yield make
    for one in made:
        one.adopter.stop(HANGS)
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
    threads: Threads, client: LithopsClient, another: Make, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    first, over, second = workload(f"wait {go}", "first"), workload("ok", "over"), workload(f"wait {go}", "second")
    send(threads, client, first, over, second)

    taker = another()
    unsent = workload("", "never sent")
    taken = taker.adopt(first, second, unsent)
    wait_until(lambda: unsent.id in taker.ends(), lambda: "Nothing was adopted.")
    go.touch()
    wait_until_nothing_is_left(client)
    assert taker.ends() == {
        first.id: TaskInstanceState.SUCCESS,
        second.id: TaskInstanceState.SUCCESS,
        unsent.id: Again,
    }
    assert [one.workload for one in taker.reports if isinstance(one, Taken)] == [taken[first.id], taken[second.id]]


def test_a_task_that_runs_without_a_call_has_failed(another: Make) -> None:
    taker = another()
    lost = workload("", "lost")
    taker.adopt(lost, running=True)
    taker.wait_for_ends({lost.id: TaskInstanceState.FAILED})


@pytest.mark.parametrize("local", [True, False])
def test_a_task_whose_call_was_recorded_but_never_sent_is_queued_again(
    client: LithopsClient, another: Make, monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    """Its scheduler has died between the two. Should the call begin after all, Airflow refuses one of both."""
    monkeypatch.setattr(adoption, "is_local", lambda job: local)
    monkeypatch.setattr(follower, "_SILENCE" if local else "_END_GRACE", 0.1)
    if not local:
        monkeypatch.setattr(follower, "runner_is_gone", lambda job: False)
    unsent = workload("", "unsent")
    job = new_job(client, make_spec("map", *bind_items(abs, [1], {}), Options())).with_round(1, 1)
    write_record(client, job, [unsent.id])
    taker = another()
    taker.adopt(unsent)
    taker.wait_for_ends({unsent.id: Again})
    wait_until_nothing_is_left(client)
    assert client.keys(client.bucket, job.prefix) == []


def test_a_storage_that_does_not_answer_is_asked_again(another: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    down = [True, True]

    def read(client: LithopsClient) -> list[JobRecord]:
        if down:
            down.pop()
            raise StorageUnavailableError("it is down")
        return []

    monkeypatch.setattr(adoption, "read_records", read)
    taker = another()
    unsent = workload("", "unsent")
    taker.adopt(unsent)
    taker.wait_for_ends({unsent.id: Again})


def test_one_that_ends_asks_no_more(another: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage may be down for longer than the scheduler runs."""
    taker = another()
    asked: list[LithopsClient] = []

    def read(client: LithopsClient) -> list[JobRecord]:
        asked.append(client)
        taker.adopter._stopped.set()
        raise StorageUnavailableError("it is down")

    monkeypatch.setattr(adoption, "read_records", read)
    taker.adopt(workload("", "unsent"))
    wait_until(lambda: asked, lambda: "The storage is not asked.")
    taker.adopter.stop(HANGS)
    assert not taker.adopter._thread.is_alive()
    assert len(asked) == 1


def test_what_a_dead_scheduler_has_left_is_deleted(threads: Threads, client: LithopsClient, another: Make) -> None:
    send(threads, client, workload("ok"))
    (record,) = read_records(client)
    taker = another()
    wait_until_nothing_is_left(client)
    assert client.keys(client.bucket, record.job.prefix) == []
    assert not taker.reports


def test_a_job_whose_own_scheduler_is_alive_is_forgotten_once_it_is_over(
    threads: Threads, client: LithopsClient, another: Make, tmp_path: Path
) -> None:
    threads.sender.send(workload(f"wait {tmp_path / 'go'}"))
    wait_until(lambda: read_records(client), lambda: "It was not sent.")
    taker = another()
    wait_until(lambda: taker.watcher._jobs, lambda: "The job was not found.")
    Path(tmp_path / "go").touch()
    wait_until_nothing_is_left(client)
    wait_until(lambda: not taker.watcher._jobs, lambda: "The job is still followed.")


def test_those_that_wait_or_run_are_read_from_the_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: Any = DagRun.__table__
    runs.create(database.session.get_bind())
    for number, state in enumerate(("queued", "running", "deferred", "success", "running"), 1):
        database.add("etl", f"{state} {number}", state)
        run = {"id": number, "dag_id": "etl", "run_id": f"run-{number}", "run_type": "manual"}
        database.session.execute(insert(runs).values(run_after=START, log_template_id=None, **run))
    monkeypatch.setattr(adoption, "create_session", lambda: contextlib.nullcontext(database.session))
    asked = database.session.scalars(select(TaskInstance.id).where(TaskInstance.task_id != "running 5")).all()

    found = load_orphans(lambda ti: task(ti.task_id), asked)

    assert {one.workload.key.task_id: one.running for one in found} == {"queued 1": False, "running 2": True}


def instance(one: Workload) -> Any:
    return SimpleNamespace(id=one.id, key=one.key, **one.key._asdict())


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch, threads: Threads) -> LithopsExecutor:
    made = LithopsExecutor(parallelism=4)
    parts = SimpleNamespace(settings=SETTINGS, watcher=threads.watcher, adopter=SimpleNamespace(adopt=lambda ids: None))
    monkeypatch.setattr(made, "_started", lambda: parts)
    made._reports = threads.reports
    return made


def test_the_executor_takes_over_all_tasks_but_its_own(executor: LithopsExecutor) -> None:
    own, other = workload("", "own"), workload("", "other")
    executor._latest[own.key] = own
    asked: list[Any] = []
    executor._started().adopter.adopt = asked.append  # type: ignore[method-assign]
    assert executor.try_adopt_task_instances([instance(one) for one in (own, other)]) == []
    assert executor.try_adopt_task_instances([instance(own)]) == []
    assert asked == [[other.id]]


def test_a_task_that_was_taken_over_runs_until_its_call_is_over(executor: LithopsExecutor) -> None:
    taken = workload("", "taken")
    executor._reports.append(Taken(taken))
    executor.sync()
    assert executor.running == {taken.key}
    executor._reports.append(Report(taken, TaskInstanceState.SUCCESS, True))
    executor.sync()
    assert not executor.running


@pytest.mark.parametrize("taken", [True, False])
def test_a_task_of_which_no_call_has_begun_is_queued_again(executor: LithopsExecutor, taken: bool) -> None:
    given = task()
    unsent = Workload.of(given)
    executor._reports.extend([Taken(unsent), Again(unsent)] if taken else [Again(unsent)])
    executor.sync()
    assert executor.queued_tasks == {unsent.key: given}
    assert not executor.running
    assert not executor._latest


def test_a_task_that_was_queued_here_since_is_not_taken_over(executor: LithopsExecutor) -> None:
    """Airflow has taken it for stuck, while the storage did not answer."""
    given = task()
    ours, late = Workload.of(given), Workload.of(given)
    executor._latest[ours.key] = ours
    executor._reports.extend([Taken(late), Again(late), Report(late, TaskInstanceState.FAILED, True, "lost")])
    executor.sync()
    assert executor._latest == {ours.key: ours}
    assert executor.queued_tasks == {}
    assert executor.get_event_buffer() == {}


def test_nothing_is_reported_of_a_task_that_was_revoked(
    executor: LithopsExecutor, threads: Threads, client: LithopsClient
) -> None:
    revoked, other = workload("raise no", "revoked"), workload("ok", "other")
    for one in (revoked, other):
        executor.running.add(one.key)
        executor._latest[one.key] = one
        threads.sender.send(one)
    for gone in (revoked, workload("", "that was never here")):
        executor.revoke_task(ti=instance(gone))
    assert executor.running == {other.key}
    wait_until(lambda: executor.sync() or not executor.running, lambda: "The other has not ended.")
    wait_until_nothing_is_left(client)
    executor.sync()
    assert executor.get_event_buffer() == {}


def ended(threads: Threads, failure: CallFailure) -> Any:
    threads.watcher._report_end(workload(""), failure)
    return threads.reports.pop()


def test_a_call_that_is_refused_since_another_runs_the_task_says_nothing(
    executor: LithopsExecutor, threads: Threads
) -> None:
    report = ended(threads, CallFailure("TaskAlreadyRunningError", "Task instance is already running"))
    executor._latest[report.workload.key] = report.workload
    executor.running.add(report.workload.key)
    threads.reports.append(report)
    executor.sync()
    assert not executor.running
    assert executor.get_event_buffer() == {}


def test_a_token_that_has_expired_is_said_with_what_to_set(threads: Threads) -> None:
    message = "Invalid auth token: Signature has expired"
    report = ended(threads, CallFailure("ServerResponseError", message))
    assert "raise [scheduler] task_queued_timeout" in str(report.info)


def test_jobs_of_others_are_not_cleaned_before_their_time(
    threads: Threads, client: LithopsClient, another: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_FOREIGN_KEPT", 3600.0)
    send(threads, client, workload("ok"))
    taker = another()
    wait_until(lambda: any(one.over_since for one in taker.watcher._jobs), lambda: "It is not seen to be over.")
    (record,) = read_records(client)
    clean_job(client, record.job)
    client.delete(client.bucket, [record.key])
