"""What the page's buttons do, whom Airflow's rights keep from it, and what Airflow's audit log says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.job import LithopsJob
from tests.jobs.elsewhere import elsewhere
from tests.status.instances import KEY, try_of
from tests.ui.server import Server, stopped


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
