"""What the page's buttons do, whom Airflow's rights keep from it, and what Airflow's audit log says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from airflow.api_fastapi.common.db.common import _get_session
from airflow.api_fastapi.core_api import security
from airflow.models.dag import DagModel
from fastapi.testclient import TestClient

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.status.records import TaskRecord
from lithops_provider.status.storage import check_owned
from lithops_provider.ui import app, auth, requests, view_cache
from tests.jobs.conftest import client
from tests.jobs.elsewhere import elsewhere
from tests.status.test_storage import KEY, try_of

__all__ = ["client"]  # a fixture

#: What the page sends with each request that does something.
PAGE = {"X-Lithops-Action": "page"}


class User:
    """Somebody who is logged in."""

    def get_name(self) -> str:
        return "ann"


class Server:
    """
    The page's server, whose database knows one task and takes what is written to Airflow's audit log.

    :param monkeypatch: changes what the server looks up
    :param record: the task
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, record: TaskRecord) -> None:
        self.record = record
        #: What the user may do with task instances.
        self.methods = {"GET", "PUT", "DELETE"}
        self.logs: list[Any] = []
        for module in (security, auth):
            monkeypatch.setattr(module, "get_auth_manager", lambda: self)
        monkeypatch.setattr(DagModel, "get_team_name", lambda dag_id: None, raising=False)
        monkeypatch.setattr(requests, "find_task", lambda session, key: self.record if key == KEY else None)
        monkeypatch.setattr(requests, "views", view_cache.JobViews())
        made = app.create_app.__wrapped__()
        made.dependency_overrides[_get_session] = lambda: self
        made.dependency_overrides[security.get_user] = User
        self.http = TestClient(made)

    def is_authorized_dag(self, *, method: str, **kwargs: Any) -> bool:
        return method in self.methods

    def add(self, entry: Any) -> None:
        self.logs.append(entry)

    def commit(self) -> None:
        """There is nothing to commit to."""

    def post(self, action: str, headers: dict[str, str] | None = None, **changed: Any) -> Any:
        asked = {
            "run_id": KEY.run_id,
            "task_id": KEY.task_id,
            "map_index": KEY.map_index,
            "job": self.record.jobs["map"].executor_id,
            **changed,
        }
        return self.http.post(
            f"/api/dags/{KEY.dag_id}/{action}", params=asked, headers=PAGE if headers is None else headers
        )


@pytest.fixture
def job(client: LithopsClient) -> LithopsJob:
    """A job that a task on another machine has sent, and that runs."""
    job = elsewhere(client, items=4)
    client.put(job.plan_key(), b"{}")
    set_owner(client, job, try_of(KEY))
    return job


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, client: LithopsClient, job: LithopsJob) -> Server:
    def open_job(key: Any, value: LithopsJob) -> LithopsClient:
        check_owned(client, value, key)
        return client

    monkeypatch.setattr(view_cache, "open_job", open_job)
    record = TaskRecord(KEY, "failed", 1, None, None, None, {"map": job})
    return Server(monkeypatch, record)


def stopped(client: LithopsClient, job: LithopsJob) -> bool:
    return client.get(job.bucket, job.stop_key()) is not None


def test_a_job_is_stopped_and_airflow_notes_who_did_it(server: Server, client: LithopsClient, job: LithopsJob) -> None:
    answer = server.post("stop")

    assert (answer.status_code, answer.json()) == (200, {"stopped": job.executor_id})
    assert stopped(client, job)
    (log,) = server.logs
    assert (log.event, log.owner, log.dag_id, log.task_id, log.run_id) == (
        *("lithops_stop_job", "ann"),
        *(KEY.dag_id, KEY.task_id, KEY.run_id),
    )
    assert job.executor_id in log.extra


def test_data_is_deleted_and_airflow_notes_who_did_it(server: Server, client: LithopsClient, job: LithopsJob) -> None:
    answer = server.post("clean")

    assert answer.status_code == 200
    assert answer.json()["deleted"] >= 2
    assert client.keys(job.bucket, job.round_prefix()) == []
    assert [log.event for log in server.logs] == ["lithops_clean_job"]
    assert "is gone" in server.post("clean").json()["detail"]


@pytest.mark.parametrize("action", ["stop", "clean"])
def test_who_may_only_look_is_refused_and_noted(
    server: Server, client: LithopsClient, job: LithopsJob, action: str
) -> None:
    server.methods = {"GET"}

    assert server.post(action).status_code == 403
    assert not stopped(client, job)
    assert client.get(job.bucket, job.plan_key()) is not None
    assert len(server.logs) == 1


def test_who_may_change_tasks_may_not_delete_data_for_it(server: Server) -> None:
    server.methods = {"GET", "PUT"}

    assert server.post("clean").status_code == 403
    assert server.post("stop").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-Lithops-Action": "x"}, {"Content-Type": "text/plain"}], ids=str)
@pytest.mark.parametrize("action", ["stop", "clean"])
def test_another_site_cannot_have_a_browser_ask(
    server: Server, client: LithopsClient, job: LithopsJob, action: str, headers: dict[str, str]
) -> None:
    answer = server.post(action, headers)

    assert (answer.status_code, "X-Lithops-Action" in answer.json()["detail"]) == (403, True)
    assert not stopped(client, job)


@pytest.mark.parametrize("action", ["stop", "clean"])
@pytest.mark.parametrize("state", ["running", "deferred"])
def test_data_of_a_job_that_is_waited_for_stays(
    server: Server, client: LithopsClient, job: LithopsJob, action: str, state: str
) -> None:
    server.record = replace(server.record, state=state)

    answer = server.post(action)

    if action == "stop":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, f"is {state} and waits" in answer.json()["detail"]) == (409, True)
        assert client.get(job.bucket, job.plan_key()) is not None


def test_a_job_that_is_over_is_not_stopped(server: Server, client: LithopsClient, job: LithopsJob) -> None:
    for call in range(job.rounds[-1].calls):
        client.put(f"{job.round_prefix()}/{call:05d}/status.json", b"{}")

    assert server.post("stop").json() == {"detail": f"Job {job.executor_id} is over."}
    assert not stopped(client, job)


@pytest.mark.parametrize("action", ["stop", "clean"])
def test_only_the_job_that_was_seen_is_meant(server: Server, action: str) -> None:
    answer = server.post(action, job="0123456789abcdef-0")
    assert (answer.status_code, "another job by now" in answer.json()["detail"]) == (409, True)
    assert server.post(action, job="../x").status_code == 422
    assert server.post(action, phase="reduce").status_code == 404


@pytest.mark.parametrize("action", ["stop", "clean"])
def test_a_value_that_somebody_has_written_into_the_xcom_leads_to_no_other_job(
    server: Server, client: LithopsClient, job: LithopsJob, action: str
) -> None:
    other = elsewhere(client, items=4)
    client.put(other.plan_key(), b"{}")
    set_owner(client, other, try_of(replace(KEY, task_id="other")))
    server.record = replace(server.record, jobs={"map": other})

    assert server.post(action).status_code == 409
    assert not stopped(client, other)
    assert client.get(other.bucket, other.plan_key()) is not None


@pytest.mark.parametrize("action", ["stop", "clean"])
def test_nothing_is_done_for_a_job_of_which_nothing_is_there(
    server: Server, client: LithopsClient, action: str
) -> None:
    """To look at it does no harm: there is nothing to see. It could still be anybody's that runs."""
    gone = elsewhere(client, items=4)
    server.record = replace(server.record, jobs={"map": gone})

    answer = server.post(action)

    assert (answer.status_code, "is gone" in answer.json()["detail"]) == (409, True)
    assert not stopped(client, gone)
