"""A DAG that is run twice: the second run takes from the cache what it has in common with the first."""

from __future__ import annotations

import json
import re
import uuid
from concurrent.futures import Future
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.airflow.beside import beside
from tests.airflow.browser import address, inner, job_page
from tests.airflow_version import needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

_TASKS = ("squares", "numbers", "rows")


def start_runs(airflow: AirflowStack, folder: Path) -> Future[tuple[DagRun, DagRun]]:
    name = uuid.uuid4().hex
    conf = {"version": name, "prefix": f"{name}/", "results": f"storage/{name}-results/"}

    def twice() -> tuple[DagRun, DagRun]:
        first = airflow.api.trigger("cached", {**conf, "count": 18}).wait()
        return first, airflow.api.trigger("cached", {**conf, "count": 20}).wait()

    return beside(twice)


@pytest.fixture(scope="module")
def runs(started: Future[tuple[DagRun, DagRun]]) -> tuple[DagRun, DagRun]:
    """The first run, of 18 objects, and the second, of 20."""
    return started.result()


def cached_of(run: DagRun) -> dict[str, int]:
    return {task_id: run.xcom(task_id, key="lithops_summary")["map"].get("cached", 0) for task_id in _TASKS}


def test_the_second_run_runs_what_is_new_only(runs: tuple[DagRun, DagRun]) -> None:
    first, second = runs

    assert cached_of(first) == {"squares": 0, "numbers": 0, "rows": 0}
    assert cached_of(second) == {"squares": 20, "numbers": 18, "rows": 5}
    assert first.xcom("squares") == second.xcom("squares") == [x * x for x in range(20)]
    assert (first.xcom("numbers"), second.xcom("numbers")) == (list(range(18)), list(range(20)))


def test_the_log_says_how_many_and_what_ran(runs: tuple[DagRun, DagRun]) -> None:
    _, second = runs

    assert "20 of 20 item(s) of squares were taken from the cache" in second.log("squares")
    assert "squared" not in second.log("squares")
    log = second.log("numbers")
    assert "18 of 20 item(s) of numbers were taken from the cache" in log
    assert [number for number in range(20) if f"read b'{number}\\n'" in log] == [18, 19]


def test_cached_results_are_written_as_files_and_the_event_of_the_outlet_says_where(
    airflow: AirflowStack, runs: tuple[DagRun, DagRun]
) -> None:
    for run in runs:
        told = run.xcom("rows")
        assert (told["rows"], told["items"], told["files"], told["format"]) == (5, 5, 1, "csv")
        (file,) = airflow.tmp.glob(f"lithops-*/{told['path']}part-00000.csv")
        assert file.read_text() == "x,half\n" + "".join(f"{x},{x / 2}\n" for x in range(5))
    found = airflow.api.get("/assets/events", source_dag_id="cached", source_run_id=runs[1].run_id)
    (event,) = found["asset_events"]
    assert event["extra"]["lithops_results"] == runs[1].xcom("rows")


def test_the_page_says_what_was_cached_and_compares_the_runs(
    airflow: AirflowStack, browser: Browser, runs: tuple[DagRun, DagRun]
) -> None:
    first, second = runs
    with job_page(browser, airflow, second, "numbers") as (page, frame):
        tile = frame.locator(".tile").filter(has_text="From the cache")
        expect(tile.locator("dd")).to_have_text("18of 20 items")
        rounds = frame.get_by_role("region", name="Rounds").get_by_role("rowheader")
        expect(rounds).to_have_text(["0from the cache", "1"])

        comparison = frame.get_by_role("region", name="Comparison")
        comparison.get_by_text("Compare with another run of this task").click()
        comparison.get_by_role("combobox", name="Run to compare with").select_option(first.run_id)
        expect(page).to_have_url(re.compile("#compare="))
        page.reload()  # as somebody does who was sent the address
        for name, cells in {"Items": ["20", "18", "+11.1 %"], "From the cache": ["18", "0", "more"]}.items():
            row = comparison.get_by_role("row").filter(has=frame.get_by_role("rowheader", name=name, exact=True))
            expect(row.get_by_role("cell")).to_have_text(cells)
        for name in ("Took", "Compute time", "Slowest item", "Peak memory"):
            expect(comparison.get_by_role("rowheader", name=name, exact=True)).to_be_visible()

        page.goto(address(second, "squares"))  # whose data is deleted: the summary knows it
        summary = inner(page).get_by_role("region", name="Summary")
        expect(summary.locator(".tile").filter(has_text="From the cache").locator("dd")).to_have_text("20of 20 items")


@needs_airflow("3.2", "commands of providers")
@pytest.mark.thorough
def test_the_command_line_tells_of_what_is_cached(airflow: AirflowStack, runs: tuple[DagRun, DagRun]) -> None:
    listed = json.loads(airflow.cli("lithops", "cache", "list", "--output", "json"))
    assert [row["items"] for row in listed if row["function"] == "numbers"] == [2, 18]
