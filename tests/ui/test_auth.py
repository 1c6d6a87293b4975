"""Whom Airflow's rights keep from what."""

from __future__ import annotations

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from tests.ui.server import Server, stopped


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
