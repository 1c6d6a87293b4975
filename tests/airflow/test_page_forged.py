"""Users who may edit the XComs of one DAG, and nothing else: what the page and the command line do for them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.airflow.guarded import SEEN, Guarded
from tests.airflow.test_page import ids, until
from tests.airflow_version import needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack, StackError

pytestmark = needs_airflow("3.2", "an API that changes an XCom without encoding it twice")

PASSWORD = "s3cret-of-another-team"


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[Any]]]:
    """A server of the attacker's: its address, and who has connected."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def wait() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:  # it is closed
                    return
                came.append((address, connection.recv(1000)))
                connection.close()

        threading.Thread(target=wait, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", came


@pytest.fixture
def of_another_team(airflow: AirflowStack) -> Iterator[str]:
    """A connection that the limited user has nothing to do with."""
    conn_id = "lithops_of_another_team"
    swift = {"auth_url": "http://127.0.0.1:9", "user_id": "u", "project_id": "p", "password": PASSWORD, "region": "r"}
    config = {"lithops": {"backend": "localhost", "storage": "swift"}, "swift": {**swift, "storage_bucket": "storage"}}
    airflow.api.create_connection(conn_id, "lithops", extra=json.dumps(config))
    yield conn_id
    airflow.api.delete_connection(conn_id)


@contextmanager
def forged(airflow: AirflowStack, run: DagRun, task_id: str, change: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Changes the XCom of a task's jobs for a while."""
    path = f"{run.path}/taskInstances/{task_id}/xcomEntries/lithops_job"
    good = airflow.api.get(path, stringify=False)["value"]
    try:
        airflow.api.patch(path, {"value": {**good, **change}, "map_index": -1})
        yield good
    finally:
        airflow.api.patch(path, {"value": good, "map_index": -1})


def seen(guarded: Guarded, run: DagRun, user: str = "limited") -> list[Any]:
    """Returns all answers about a task that a user may ask for."""
    token = guarded.token(user)
    routes = ("job", "items", "items/3", "failures")
    return [guarded.get(f"api/dags/{run.dag_id}/{route}", token, **ids(run)) for route in routes]


def test_no_xcom_sends_a_connections_password_anywhere(
    airflow: AirflowStack,
    guarded: Guarded,
    ended: dict[str, DagRun],
    stranger: tuple[str, list[Any]],
    of_another_team: str,
) -> None:
    run, (address, came) = ended[SEEN], stranger
    value = airflow.api.get(f"{run.path}/taskInstances/many/xcomEntries/lithops_job", stringify=False)["value"]
    moved = {"map": {**value["jobs"]["map"], "storage": "swift", "bucket": "storage"}}
    change = {
        "lithops_conn_id": of_another_team,
        "lithops_config": {"swift": {"auth_url": address}, "minio": {"endpoint": address}},
        "arguments": {"storage": "swift"},
    }
    for jobs in (moved, value["jobs"]):
        with forged(airflow, run, "many", {**change, "jobs": jobs}):
            answers = seen(guarded, run)
            if jobs is moved:
                until(guarded, run, lambda answer: "is in swift://storage" in (answer["error"] or ""))
                with pytest.raises(StackError) as failed:
                    airflow.cli("lithops", "jobs", "show", jobs["map"]["executor_id"])
                said = str(failed.value)
            else:
                said = airflow.cli("lithops", "jobs", "show", jobs["map"]["executor_id"])

        assert not any(PASSWORD in answer.text or of_another_team in answer.text for answer in answers)
        assert PASSWORD not in said
        assert came == []


def test_the_job_of_another_dag_shows_nothing(
    airflow: AirflowStack, guarded: Guarded, ended: dict[str, DagRun]
) -> None:
    run, other = ended[SEEN], ended["page_fails"]
    value = airflow.api.get(f"{other.path}/taskInstances/fails/xcomEntries/lithops_job", stringify=False)["value"]
    with forged(airflow, run, "many", {"jobs": value["jobs"]}):
        answer = until(guarded, run, lambda answer: answer["error"])
        answers = seen(guarded, run)
        # Whoever asks the command line for the job gets it from the task that has sent it.
        shown = airflow.cli("lithops", "jobs", "show", value["jobs"]["map"]["executor_id"], "--output", "json")

    assert "is not one of task many: another has sent it" in answer["error"]
    assert (answer["progress"], answer["summary"]) == (None, None)
    assert [answer.status_code for answer in answers] == [200, 503, 503, 503]
    assert not any("is bad" in answer.text or "seen 3" in answer.text for answer in answers)
    assert '"page_fails"' in shown


def test_a_value_with_more_items_than_there_are_is_refused(
    airflow: AirflowStack, guarded: Guarded, ended: dict[str, DagRun]
) -> None:
    run = ended[SEEN]
    value = airflow.api.get(f"{run.path}/taskInstances/many/xcomEntries/lithops_job", stringify=False)["value"]
    with forged(airflow, run, "many", {"jobs": {"map": {**value["jobs"]["map"], "items": 50_000_000}}}):
        answer = until(guarded, run, lambda answer: answer["error"])

    assert "its value was changed" in answer["error"]
    assert answer["progress"] is None


@pytest.mark.parametrize("number", [1 << 31, 1 << 63, 1 << 64, 10**30])
def test_numbers_that_no_database_has_room_for(guarded: Guarded, ended: dict[str, DagRun], number: int) -> None:
    run = ended["page_fails"]
    for route, parameters in [
        (f"api/dags/{run.dag_id}/job", {**ids(run), "map_index": number}),
        (f"api/dags/{run.dag_id}/items", {**ids(run), "first": number}),
        (f"api/dags/{run.dag_id}/items/{number}", ids(run)),
        ("api/jobs", {"offset": number}),
    ]:
        assert guarded.get(route, guarded.token(), **parameters).status_code == 422, route
