"""What a task tells of its jobs, and the link to their page."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.links import LithopsJobLink
from lithops_provider.operators import LithopsMapOperator
from lithops_provider.report.jobs import PublishedJobs
from lithops_provider.report.xcoms import JOB_KEY
from tests.jobs.made import make_job


@dataclass
class Instance:
    """A task instance as far as it takes XComs."""

    dag_id: str = "a.dag"
    run_id: str = "manual__2026-01-01T00:00:00+00:00"
    task_id: str = "group.task"
    map_index: int = -1
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value))


def job(kind: Any) -> LithopsJob:
    return make_job(kind=kind)


def operator(**arguments: Any) -> LithopsMapOperator:
    return LithopsMapOperator(task_id="task", map_function=abs, map_iterdata=[1], **arguments)


def test_the_default_connection_takes_no_bytes() -> None:
    ti = Instance()
    PublishedJobs(operator(), ti).add("map", job("map"))
    assert set(ti.xcoms[JOB_KEY]) == {"jobs"}


def test_jobs_are_published_by_phase_and_nothing_that_leads_to_them() -> None:
    """Users may write XComs: servers take connection and settings from elsewhere."""
    ti = Instance()
    config = {"redis": {"host": "redis.example.com", "password": "s3cret-word"}}
    published = PublishedJobs(operator(lithops_conn_id="mine", lithops_config=config, storage="redis"), ti)
    first, second = job("map"), job("reduce")
    published.add("map", first)
    published.add("reduce", second)

    assert ti.xcoms[JOB_KEY] == {"jobs": {"map": first.to_dict(), "reduce": second.to_dict()}}


def test_what_was_published_before_a_deferral_is_kept() -> None:
    ti = Instance()
    first, second = job("map"), job("reduce")
    published = PublishedJobs(operator(), ti)
    published.restore({"map": first})
    published.add("reduce", second)

    assert ti.xcoms[JOB_KEY]["jobs"] == {"map": first.to_dict(), "reduce": second.to_dict()}


@pytest.mark.parametrize(("map_index", "mapped"), [(-1, ""), (0, "/mapped/0")])
def test_the_link_is_there_when_the_job_is_sent(monkeypatch: pytest.MonkeyPatch, map_index: int, mapped: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
    ti = Instance(map_index=map_index)
    PublishedJobs(operator(), ti).add("map", job("map"))

    run_id = "manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert ti.xcoms[LithopsJobLink().xcom_key] == (
        f"https://airflow.example.com/team/dags/a.dag/runs/{run_id}/tasks/group.task{mapped}/plugin/lithops"
    )
