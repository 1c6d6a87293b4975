"""The page, and its data."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from tests.jobs.elsewhere import end, store
from tests.ui.server import Server


@pytest.fixture
def over(server: Server, client: LithopsClient, job: LithopsJob) -> LithopsJob:
    """The job, of whose items one has failed."""
    store(client, job, 0, {0: 0, 1: "unlucky"})
    store(client, job, 1, {2: 2, 3: 3})
    end(client, job, 0, 1)
    return job


@pytest.mark.parametrize("path", ["/jobs", "/job/dag/run", "/static/jobs.html", "/api/nothing"])
def test_browsers_load_nothing_from_elsewhere(server: Server, path: str) -> None:
    answer = server.http.get(path)

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.status_code == (404 if "nothing" in path else 200)


def test_a_page_finds_its_assets_under_any_path(server: Server) -> None:
    page = TestClient(server.http.app, root_path='/team"<').get("/jobs").text

    assert "{root}" not in page
    assert "/team&quot;&lt;" in page


@pytest.mark.usefixtures("over")
def test_a_job_is_shown_with_its_progress(server: Server) -> None:
    shown = server.get("job").json()

    assert (shown["phase"], shown["phases"], shown["problem"], shown["error"]) == ("map", ["map"], None, None)
    assert shown["progress"]["counts"] == {"waiting": 0, "running": 0, "succeeded": 3, "failed": 1}
    assert shown["may"] == {"change": True, "delete": True}


@pytest.mark.usefixtures("over")
def test_items_are_filtered_by_state(server: Server) -> None:
    found = server.get("items", state="failed").json()

    assert [row["index"] for row in found["rows"]] == [1]
    assert server.get("items", count=101).status_code == 422


@pytest.mark.usefixtures("over")
def test_failures_are_lines_of_json_and_need_the_right_to_see_logs(server: Server) -> None:
    answer = server.get("failures")
    (failure,) = map(json.loads, answer.text.splitlines())

    assert (failure["index"], failure["message"]) == (1, "unlucky")
    assert "attachment" in answer.headers["Content-Disposition"]
    server.methods = set()
    assert server.get("failures").status_code == 403


@pytest.mark.usefixtures("over")
def test_an_item_that_the_job_does_not_have_is_not_found(server: Server) -> None:
    assert "no item 4" in server.get("items/4").json()["detail"]
