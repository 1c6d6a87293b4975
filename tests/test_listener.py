"""The jobs of deferred tasks that a user ends, as the API server's listener stops them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from lithops_provider import listener
from lithops_provider.jobs import LithopsJob
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.triggers import LithopsJobTrigger
from tests.jobs.elsewhere import elsewhere
from tools.waiting import HANGS


class Base(DeclarativeBase):
    pass


class Row(Base):
    """A task instance, as far as the listener looks at it."""

    __tablename__ = "row"
    __allow_unmapped__ = True
    id: Mapped[int] = mapped_column(primary_key=True)
    trigger_id: Mapped[int | None]
    dag_id = run_id = task_id = "x"
    map_index = -1
    trigger: Any = None


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def client() -> LithopsClient:
    return LithopsClient(resolve_config(), patience=0.0)


@pytest.fixture
def job(client: LithopsClient) -> LithopsJob:
    """A job on a backend that only the marker can stop."""
    return elsewhere(client, items=4)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is stopped: right away."""
    stopped: list[dict[str, Any]] = []
    monkeypatch.setattr(
        listener, "_pool", SimpleNamespace(submit=lambda function, task, kwargs: stopped.append(kwargs))
    )
    return stopped


def deferred(session: Session, job: LithopsJob, owner: str | None = "me/1") -> Any:
    path, kwargs = LithopsJobTrigger(lithops_conn_id="lithops_default", job=job.to_dict(), owner=owner).serialize()
    row = Row(id=1, trigger_id=7)
    row.trigger = SimpleNamespace(classpath=path, kwargs=kwargs)
    session.add(row)
    session.flush()
    return row


def arguments_of(job: LithopsJob) -> dict[str, Any]:
    """Returns what a trigger has as its arguments."""
    return LithopsJobTrigger(lithops_conn_id="lithops_default", job=job.to_dict(), owner="me/1").serialize()[1]


HOOKS = [listener.on_task_instance_failed, listener.on_task_instance_success, listener.on_task_instance_skipped]


@pytest.mark.parametrize("hook", HOOKS)
def test_it_is_stopped_when_the_end_of_its_task_is_stored(
    hook: Any, session: Session, job: LithopsJob, stopped: list[dict[str, Any]]
) -> None:
    hook(None, deferred(session, job))
    assert stopped == []
    session.commit()
    session.commit()
    assert [kwargs["job"] for kwargs in stopped] == [job.to_dict()]


def test_it_goes_on_if_the_end_is_not_stored(session: Session, job: LithopsJob, stopped: list[dict[str, Any]]) -> None:
    listener.on_task_instance_failed(None, deferred(session, job))
    session.rollback()
    assert stopped == []


@pytest.mark.parametrize("hook", HOOKS)
def test_tasks_that_end_by_themselves_stop_nothing(
    hook: Any, session: Session, job: LithopsJob, stopped: list[dict[str, Any]]
) -> None:
    hook("running", deferred(session, job))
    hook(None, SimpleNamespace(task_id="not a row of the database"))
    hook(None, SimpleNamespace(trigger_id=None))
    session.commit()
    assert stopped == []


def test_a_row_without_a_session_is_an_error(session: Session, job: LithopsJob) -> None:
    """Airflow logs it: the job goes on, which nobody must overlook."""
    row = deferred(session, job)
    session.expunge(row)
    with pytest.raises(RuntimeError, match="has no database session"):
        listener.on_task_instance_failed(None, row)


def test_a_sensor_and_other_triggers_stop_nothing(
    session: Session, job: LithopsJob, stopped: list[dict[str, Any]]
) -> None:
    row = deferred(session, job, owner=None)
    listener.on_task_instance_failed(None, row)
    row.trigger = SimpleNamespace(classpath="another.Trigger", kwargs={"owner": "me"})
    listener.on_task_instance_failed(None, row)
    row.trigger = None
    listener.on_task_instance_failed(None, row)
    session.commit()
    assert stopped == []


def test_the_users_request_does_not_wait(session: Session, job: LithopsJob, monkeypatch: pytest.MonkeyPatch) -> None:
    may_stop, has_stopped = threading.Event(), threading.Event()
    monkeypatch.setattr(listener, "_stop", lambda task, kwargs: may_stop.wait(HANGS) and has_stopped.set())
    listener.on_task_instance_failed(None, deferred(session, job))
    session.commit()
    may_stop.set()
    assert has_stopped.wait(HANGS)


@pytest.mark.parametrize(("waits", "stops"), [("me/1", True), ("me/2", False)])
def test_whoever_waits_no_longer_stops_nothing(
    waits: str, stops: bool, client: LithopsClient, job: LithopsJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lithops_provider.status.storage.connect", lambda way: client)
    set_owner(client, job, waits)
    pushed: dict[str, Any] = {}
    task: Any = SimpleNamespace(dag_id="d", task_id="t", xcom_push=lambda key, value: pushed.update({key: value}))
    listener._stop(task, arguments_of(job))
    assert (pushed["lithops_summary"]["map"]["unfinished"] == 4) if stops else not pushed
    assert (client.get(job.bucket, job.stop_key()) is not None) == stops


def test_a_job_that_cannot_be_reached_is_told(
    job: LithopsJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def connect(way: Any) -> LithopsClient:
        raise ConnectionError("no route")

    monkeypatch.setattr("lithops_provider.status.storage.connect", connect)
    listener._stop(
        listener._EndedTask("d", "r", "t", -1),
        arguments_of(job),
    )
    assert f"Job {job.executor_id} could not be stopped" in caplog.text
    assert "no route" in caplog.text
