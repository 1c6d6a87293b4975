"""The page's server, with a user, a database and storage of tests."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.api_fastapi.common.db.common import _get_session
from airflow.api_fastapi.core_api import security
from airflow.models.dag import DagModel
from fastapi.testclient import TestClient

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.status.records import TaskRecord
from lithops_provider.status.storage import check_owned
from lithops_provider.ui import app, auth, requests, view_cache
from tests.status.instances import KEY, sent_by_a_try
from tools.waiting import HANGS

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
        monkeypatch.setattr(requests, "_FIRST_WAIT", HANGS)  # however busy the machine is
        monkeypatch.setattr(requests, "_NEXT_WAIT", HANGS)
        monkeypatch.setattr(app, "summary_of", lambda session, key, job: None)
        made = app.create_app.__wrapped__()
        made.dependency_overrides[security.get_user] = User
        #: The DAGs that the user may read, and the database for the list of jobs.
        self.readable: set[str] = set()
        self.database: Any = self
        made.dependency_overrides[_get_session] = lambda: self.database
        self.http = TestClient(made)

    def is_authorized_dag(self, *, method: str, **kwargs: Any) -> bool:
        return method in self.methods

    def get_authorized_dag_ids(self, **kwargs: Any) -> set[str]:
        return self.readable

    def add(self, entry: Any) -> None:
        self.logs.append(entry)

    def commit(self) -> None:
        """There is nothing to commit to."""

    def get(self, what: str, **changed: Any) -> Any:
        """Asks for data of the task."""
        asked = {"run_id": KEY.run_id, "task_id": KEY.task_id, "map_index": KEY.map_index, **changed}
        return self.http.get(f"/api/dags/{KEY.dag_id}/{what}", params=asked)

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
    return sent_by_a_try(client)


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
