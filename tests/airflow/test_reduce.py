"""Reduces that need more than one phase."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.airflow.browser import job_page
from tests.airflow_version import AIRFLOW
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def start_runs(airflow: AirflowStack, folder: Path) -> DagRun:
    return start_run(airflow, folder, "sync")


def start_run(airflow: AirflowStack, folder: Path, how: str) -> DagRun:
    return airflow.api.trigger(f"reduce_{how}", {"folder": str(folder)})


@pytest.fixture(scope="module", params=["sync", pytest.param("deferred", marks=pytest.mark.thorough)])
def run(
    request: pytest.FixtureRequest, airflow: AirflowStack, started: DagRun, tmp_path_factory: pytest.TempPathFactory
) -> DagRun:
    if request.param == "deferred":
        return start_run(airflow, tmp_path_factory.mktemp("reduce"), "deferred").wait()
    return started.wait()


def test_a_tree_has_a_phase_for_each_level(run: DagRun) -> None:
    assert run.xcom("tree") == sum(range(30))
    jobs = run.xcom("tree", key="lithops_job")["jobs"]
    assert [(phase, job["items"]) for phase, job in jobs.items()] == [
        ("map", 30),
        ("reduce-1", 6),
        ("reduce-2", 2),
        ("reduce", 1),
    ]
    assert set(run.xcom("tree", key="lithops_summary")) == set(jobs)


def test_a_failed_call_of_a_tree_fails_the_task_and_a_retry_sends_it_alone(run: DagRun) -> None:
    assert run.xcom("tree_with_a_failure") == 6
    assert run.task("tree_with_a_failure")["try_number"] == 2
    jobs = run.xcom("tree_with_a_failure", key="lithops_job")["jobs"]
    if AIRFLOW >= (3, 3):  # older ones have nothing to remember a job of an earlier try by
        assert [entry["items"] for entry in jobs["reduce-1"]["rounds"]] == [2, 1]


def test_a_reduce_by_key_has_a_shuffle_between(run: DagRun) -> None:
    assert run.xcom("letters") == [["a", 7], ["b", 2], ["c", 1], ["n", 4], ["s", 1]]
    assert list(run.xcom("letters", key="lithops_job")["jobs"]) == ["map", "shuffle", "reduce"]
    assert set(run.xcom("letters", key="lithops_summary")) == {"map", "shuffle", "reduce"}


def test_the_page_shows_each_phase(airflow: AirflowStack, browser: Browser, started: DagRun) -> None:
    with job_page(browser, airflow, started.wait(), "tree") as (page, frame):
        phases = frame.get_by_role("group", name="Phases of the task")
        expect(phases.get_by_role("button")).to_have_text(["map", "reduce-1", "reduce-2", "reduce"])
        expect(phases.get_by_role("button", pressed=True)).to_have_text("reduce")
        expect(frame.locator(".pager span")).to_have_text("1 to 1 of 1")
        phases.get_by_role("button", name="map", exact=True).click()
        expect(frame.locator(".pager span")).to_have_text("1 to 20 of 30")
        frame.get_by_role("button", name="Next", exact=True).click()
        expect(page).to_have_url(re.compile("#phase=map&first=20$"))
        page.reload()  # as somebody does who was sent the address
        expect(frame.locator(".pager span")).to_have_text("21 to 30 of 30")
        expect(phases.get_by_role("button", pressed=True)).to_have_text("map")
