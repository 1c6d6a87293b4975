"""The data behind the page: what it tells of a job, to whom, and how much at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.guarded import SEEN, Guarded
from tests.airflow.seed import Storage
from tests.airflow_version import needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

#: Bytes that an answer may have, so that the page may ask every two seconds.
MOST = 50_000
#: What the routes for data end with, below that of a DAG.
ROUTES = ["job", "items", "items/3", "failures", "runs"]
CONN_ID = "lithops_page"


def ids(run: DagRun) -> dict[str, Any]:
    """The parameters that name the only task of a run."""
    return {"run_id": run.run_id, "task_id": run.dag_id.removeprefix("page_")}


def ask(guarded: Guarded, run: DagRun, route: str, **parameters: Any) -> Any:
    answer = guarded.get(f"api/dags/{run.dag_id}/{route}", guarded.token(), **ids(run), **parameters)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) <= MOST
    return answer.json()


# -- what it tells ---------------------------------------------------------------------------------------------


def test_a_job_that_failed(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    answer = until(guarded, ended["page_fails"], lambda answer: answer["progress"] and not answer["progress"]["unread"])

    assert answer["task"]["state"] == "failed"
    assert answer["phases"] == ["map"]
    assert answer["job"]["function"] == "fail_some"
    assert [entry["items"] for entry in answer["job"]["rounds"]] == [60, 9]
    progress = answer["progress"]
    assert progress["state"] == "failed"
    assert progress["counts"] == {"waiting": 0, "running": 0, "succeeded": 51, "failed": 9}
    assert progress["retried"] == 9
    assert sum(progress["histogram"]["failed"]) == 9
    assert [sum(span[2] for span in row["spans"]) for row in progress["timeline"]["rows"]].count(0) == 0
    summary = answer["summary"]
    assert (summary["succeeded"], summary["failed"], summary["retried"]) == (51, 9, 9)
    assert summary["compute_seconds"] > 0
    assert len(summary["slowest"]) == 3
    assert summary["workers"]["worker_cold_start"] >= 0
    assert answer["why"]["text"] == "51 of 60 succeeded (85 %), 100 % were needed"
    (group,) = answer["why"]["groups"]
    assert (group["type"], group["count"], group["items"][:2]) == ("ValueError", 9, [3, 10])
    assert group["place"].rpartition("/")[2].startswith("page.py:")
    again = ask(guarded, ended["page_fails"], "job", version=progress["version"])
    assert "timeline" not in again["progress"]


def test_items(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]

    failed = ask(guarded, run, "items", state="failed", sort="index", descending=True)
    assert failed["total"] == 9
    assert [row["index"] for row in failed["rows"]] == [59, 52, 45, 38, 31, 24, 17, 10, 3]
    assert failed["rows"][-1]["failure"].startswith("ValueError: 3 is bad <script>")
    assert [row["index"] for row in ask(guarded, run, "items", search="45 IS BAD")["rows"]] == [45]
    assert [row["index"] for row in ask(guarded, run, "items", first=58)["rows"]] == [58, 59]
    longest = ask(guarded, run, "items", sort="seconds", descending=True)["rows"]
    assert [row["seconds"] for row in longest] == sorted((row["seconds"] for row in longest), reverse=True)


def test_an_item(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    item = ask(guarded, ended["page_fails"], "items/10")

    assert item["arguments"] == "10"
    assert [entry["job_id"] for entry in item["tries"]] == ["M000", "M001"]
    for entry in item["tries"]:
        assert entry["failure"]["type"] == "ValueError"
        assert "in fail_some" in entry["failure"]["traceback"]
        assert entry["output"].startswith("seen 10 <script>")
        assert entry["status"]["worker_end_tstamp"] >= entry["status"]["worker_start_tstamp"]
    compile(item["snippet"], "snippet", "exec")
    assert f"LithopsHook('{CONN_ID}').load_item(job, 10)" in item["snippet"]


def test_failures_are_lines_of_json(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    answer = guarded.get(f"api/dags/{run.dag_id}/failures", guarded.token(), **ids(run))

    assert answer.headers["content-disposition"].startswith('attachment; filename="failures-')
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert sorted(line["index"] for line in lines) == list(range(3, 60, 7))
    assert {line["job_id"] for line in lines} == {"M001"}
    assert all("in fail_some" in line["traceback"] for line in lines)


def test_100_000_items_in_small_answers_and_few_rows(
    airflow: AirflowStack, guarded: Guarded, ended: dict[str, DagRun]
) -> None:
    run = ended["page_many"]

    answer = until(guarded, run, lambda answer: answer["progress"] and not answer["progress"]["unread"])
    progress = answer["progress"]
    assert progress["counts"] == {"waiting": 0, "running": 0, "succeeded": 99_980, "failed": 20}
    assert sum(row["done"] for row in progress["timeline"]["rows"]) == 100_000
    assert answer["summary"]["compute_seconds"] > 0  # though the task hasn't read the results
    last = ask(guarded, run, "items", first=99_950, count=100)
    assert (last["total"], len(last["rows"]), last["rows"][-1]["index"]) == (100_000, 50, 99_999)
    assert ask(guarded, run, "items", search="unlucky 95017")["rows"][0]["index"] == 95_017
    entries = airflow.api.get(f"{run.path}/taskInstances/many/xcomEntries")["xcom_entries"]
    assert len(entries) <= 5


def test_recent_jobs(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    def rows(first: int, count: int) -> list[dict[str, Any]]:
        answer = guarded.get("api/jobs", guarded.token(), limit=count, offset=first)
        return list(answer.json()["rows"])

    # Those of other tests are there, too, and may become more between two looks.
    by_run = {row["task"]["run_id"]: row for first in range(0, 600, 50) for row in rows(first, 100)}
    for run in ended.values():
        row = by_run[run.run_id]
        assert row["task"]["dag_id"] == run.dag_id
        assert row["jobs"]["map"]["items"] in (60, 100_000)
    wait_until(lambda: rows(1, 1) == rows(0, 2)[1:] != [])


def test_the_extra_link_leads_to_the_page(airflow: AirflowStack, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    links = airflow.api.get(f"{run.path}/taskInstances/fails/links")["extra_links"]

    path = f"/dags/page_fails/runs/{quote(run.run_id)}/tasks/fails/plugin/lithops"
    assert links == {"Lithops job": f"{airflow.url}{path}"}


# -- to whom ---------------------------------------------------------------------------------------------------


def test_nobody_gets_anything_without_a_login(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    for token in (None, "", "no token", guarded.token(age=60)):
        for path in ["jobs", "job/a/b/c/-1", "api/jobs", *(f"api/dags/{run.dag_id}/{route}" for route in ROUTES)]:
            answer = guarded.get(path, token, **ids(run))
            assert answer.status_code in (401, 403), path
            assert set(answer.json()) == {"detail"}
            assert answer.status_code == 401 or token == "no token"
    assert guarded.get("static/page.css").status_code == 200


def test_a_user_without_the_right_sees_nothing_of_a_dag(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    for user, role in [("limited", "VIEWER"), ("nobody", None)]:
        for route in ROUTES:
            run = ended["page_fails"]
            answer = guarded.get(f"api/dags/{run.dag_id}/{route}", guarded.token(user, role), **ids(run))
            assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden"})
    rows = guarded.get("api/jobs", guarded.token("limited"), limit=100).json()["rows"]
    assert {row["task"]["dag_id"] for row in rows} == {SEEN}
    assert guarded.get("api/jobs", guarded.token("nobody", None)).status_code == 403
    run = ended[SEEN]
    assert guarded.get(f"api/dags/{SEEN}/job", guarded.token("limited"), **ids(run)).status_code == 200


def test_another_dags_id_in_the_query_gives_no_right(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    answer = guarded.get(f"api/dags/{run.dag_id}/job", guarded.token("limited"), **ids(run), dag_id=SEEN)
    assert answer.status_code == 403

    # The other way round: the right is there, but not for the run.
    answer = guarded.get(f"api/dags/{SEEN}/job", guarded.token("limited"), **ids(run), dag_id=run.dag_id)
    assert answer.status_code == 404


def test_logs_need_the_right_to_read_logs(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    codes = [
        guarded.get(f"api/dags/{run.dag_id}/{route}", guarded.token("nologs"), **ids(run)).status_code
        for route in ROUTES
    ]
    assert dict(zip(ROUTES, codes, strict=True)) == {
        **{"job": 200, "items": 200, "items/3": 403, "failures": 403, "runs": 200}
    }


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("api/dags/..%2f..%2fetc/job", {}),
        ("api/dags/%2e%2e/job", {}),
        ("api/dags/~/job", {}),
        ("api/dags/page_fails/job", {"task_id": "../fails"}),
        ("api/dags/page_fails/job", {"run_id": "../../x"}),
        ("api/dags/page_fails/job", {"run_id": "x' OR '1'='1"}),
        ("api/dags/page_fails/job", {"map_index": "-2"}),
        ("api/dags/page_fails/job", {"phase": "../map"}),
        ("api/dags/page_fails/items", {"sort": "__class__"}),
        ("api/dags/page_fails/items", {"count": "100000"}),
        ("api/dags/page_fails/items", {"state": "x"}),
        ("api/dags/page_fails/items/-1", {}),
        ("api/dags/page_fails/items/60", {}),
        ("api/dags/page_fails/items/..%2f..%2fplan", {}),
        ("static/../app.py", {}),
        ("static/%2e%2e/app.py", {}),
        ("static/..%2fapp.py", {}),
    ],
)  # fmt: skip
def test_tricks_in_paths_lead_nowhere(
    guarded: Guarded, ended: dict[str, DagRun], path: str, change: dict[str, Any]
) -> None:
    answer = guarded.get(path, guarded.token(), **{**ids(ended["page_fails"]), **change})

    assert answer.status_code in (404, 405, 422), answer.text


def test_nothing_can_be_changed(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    for route in ROUTES:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            url = f"{guarded.url}/lithops/api/dags/{run.dag_id}/{route}"
            with httpx.Client(cookies={"_token": guarded.token(role="ADMIN")}, trust_env=False) as client:
                assert client.request(method, url, params=ids(run)).status_code == 405


def act(guarded: Guarded, run: DagRun, action: str, token: str | None) -> int:
    """Ask for an action as the page does; return the status of the answer."""
    job = run.xcom(run.dag_id.removeprefix("page_"), key="lithops_job")["jobs"]["map"]["executor_id"]
    url = f"{guarded.url}/lithops/api/dags/{run.dag_id}/{action}"
    cookies = {} if token is None else {"_token": token}
    with httpx.Client(cookies=cookies, headers={"X-Lithops-Action": "page"}, trust_env=False) as client:
        return client.post(url, params={**ids(run), "job": job}).status_code


@pytest.mark.parametrize("action", ["stop", "clean"])
def test_only_who_may_change_a_task_may_act_on_its_job(guarded: Guarded, ended: dict[str, DagRun], action: str) -> None:
    run = ended["page_fails"]
    tokens = [None, guarded.token(role="VIEWER"), guarded.token("limited", "ADMIN"), guarded.token("nobody", None)]

    assert [act(guarded, run, action, token) for token in tokens] == [401, 403, 403, 403]
    may = [
        guarded.get(f"api/dags/{run.dag_id}/job", guarded.token(role=role), **ids(run)).json()["may"]
        for role in ("VIEWER", "USER")
    ]
    assert may == [{"change": False, "delete": False}, {"change": True, "delete": True}]


def test_no_secret_and_no_markup_is_sent(guarded: Guarded, ended: dict[str, DagRun]) -> None:
    run = ended["page_fails"]
    for path in ["jobs", "api/jobs", *(f"api/dags/{run.dag_id}/{route}" for route in ROUTES)]:
        answer = guarded.get(path, guarded.token(), **ids(run))
        assert answer.status_code == 200
        assert "s3cret" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        if path != "jobs":
            assert answer.headers["content-type"].startswith("application/")


# -- when something is wrong -----------------------------------------------------------------------------------


def until(guarded: Guarded, run: DagRun, condition: Callable[[Any], Any]) -> Any:
    """Ask for a run's job until the answer is as wanted."""

    def wanted() -> Any:
        answer = ask(guarded, run, "job")
        return answer if condition(answer) else None

    return wait_until(wanted, lambda: ask(guarded, run, "job"), interval=0.2)


def test_the_value_is_shown_when_the_connection_or_the_data_is_gone(
    airflow: AirflowStack, guarded: Guarded, run_dag: RunDag
) -> None:
    made = {"conn_id": "lithops_goes", "conn_type": "lithops", "extra": '{"backend": "localhost"}'}
    airflow.api.create_connection(**made)
    run = run_dag("page_fails", {"conn_id": "lithops_goes"}, check=False)
    airflow.api.delete_connection("lithops_goes")

    answer = until(guarded, run, lambda answer: answer["error"])
    assert "connection 'lithops_goes' doesn't exist" in answer["error"]
    assert answer["progress"] is None
    assert (answer["job"]["function"], answer["job"]["items"]) == ("fail_some", 60)

    airflow.api.create_connection(**made)
    answer = until(guarded, run, lambda answer: answer["progress"] and not answer["progress"]["unread"])
    airflow.api.delete_connection("lithops_goes")
    assert answer["error"] is None
    storage = Storage.of(airflow).folder / "storage" / "lithops.jobs"
    for folder in storage.glob(f"{answer['job']['executor_id']}*"):
        shutil.rmtree(folder)
    answer = until(guarded, run, lambda answer: answer["progress"]["gone"])
    assert answer["progress"]["counts"]["failed"] == 9  # it was read before


@needs_airflow("3.2", "an API that changes an XCom without encoding it twice")
@pytest.mark.parametrize(
    "change",
    [
        {"executor_id": "../../../etc-0"},
        {"rounds": [{"job_id": "../M000", "items": 1, "calls": 1, "submitted": 1.0}]},
        {"rounds": []},
        {"items": 10**12},
        {"items": "many"},
        {"lithops_job": 99},
    ],
    ids=str,
)
def test_a_value_that_somebody_has_made_up_is_refused(
    airflow: AirflowStack, guarded: Guarded, ended: dict[str, DagRun], change: dict[str, Any]
) -> None:
    run = ended["page_fails"]
    path = f"{run.path}/taskInstances/fails/xcomEntries/lithops_job"
    good = airflow.api.get(path, stringify=False)["value"]
    bad = {**good, "jobs": {"map": {**good["jobs"]["map"], **change}}}
    try:
        airflow.api.patch(path, {"value": bad, "map_index": -1})
        answer = ask(guarded, run, "job")
        assert "job" not in answer
        assert answer["problem"]
        assert guarded.get(f"api/dags/{run.dag_id}/items", guarded.token(), **ids(run)).status_code == 404
    finally:
        airflow.api.patch(path, {"value": good, "map_index": -1})
