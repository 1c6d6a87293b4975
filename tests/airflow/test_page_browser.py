"""The page as somebody at a browser sees and uses it, inside Airflow's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from tests.airflow.browser import address, inner, job_page
from tests.airflow.conftest import GATE
from tests.airflow.guarded import Guarded
from tests.airflow.test_page import MOST
from tests.browser import SIZE, window
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


class Waiting(NamedTuple):
    """A run whose job waits for its gate."""

    run: DagRun
    gate: Path


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, Waiting]:
    started = {}
    for name in ("followed", "stopped"):
        (folder / name).mkdir()
        gate = folder / name / GATE
        started[name] = Waiting(airflow.api.trigger("page_runs", {"gate": str(gate)}), gate)
    return started


def test_a_running_job_is_followed_to_its_end(
    airflow: AirflowStack, browser: Browser, started: dict[str, Waiting]
) -> None:
    run, gate = started["followed"]
    try:
        run.wait_for_task("runs", "deferred")
        with job_page(browser, airflow, run, "runs") as (_, frame):
            bar = frame.get_by_role("progressbar")
            expect(bar).to_have_attribute("aria-valuenow", "10")
            expect(frame.get_by_role("heading", name="wait_for", exact=True)).to_be_visible()
            expect(frame.locator(".heading .badge").first).to_have_text("running")
            expect(frame.locator("[data-state=running] b")).to_have_text("1")
            frame.get_by_role("button", name="running 1").click()
            # What the only call does now, and for how long; though nothing happens, that becomes longer.
            expect(frame.locator(".items tbody tr")).to_have_count(1)
            cells = frame.locator(".items tbody tr").locator("th, td")
            expect(cells.nth(0)).to_have_text("10")
            expect(cells.nth(2)).to_have_text("0/0")
            expect(cells.nth(5)).to_have_text(re.compile(r"^[\d.]+ (ms|s|min|min \d+ s) so far$"))
            expect(cells.nth(5)).not_to_have_text(cells.nth(5).inner_text())
            frame.get_by_role("button", name="waiting 9").click()
            expect(frame.locator(".items tbody tr")).to_have_count(9)
            gate.touch()
            # Nobody touches the page, nor reloads it.
            expect(frame.locator(".heading .badge").first).to_have_text("succeeded")
            expect(bar).to_have_attribute("aria-valuetext", "20 of 20 items done, 0 failed")
            expect(frame.locator("#live")).to_have_text("succeeded: 20 of 20 items succeeded, 0 failed")
            expect(frame.locator(".items tbody tr")).to_have_count(0)
    finally:
        gate.touch()
        run.wait()


def test_a_failed_job_is_searched_and_its_output_is_text(
    airflow: AirflowStack, browser: Browser, ended: dict[str, DagRun]
) -> None:
    with job_page(browser, airflow, ended["page_fails"], "fails") as (page, frame):
        expect(frame.locator(".heading .badge").first).to_have_text("failed")
        expect(frame.get_by_role("img", name=re.compile("Timeline of 7 calls"))).to_be_visible()
        expect(frame.get_by_role("img", name=re.compile("Histogram of durations"))).to_be_visible()
        expect(frame.get_by_role("heading", name="Rounds")).to_be_visible()
        why = frame.get_by_role("region", name="51 of 60 succeeded (85 %), 100 % were needed")
        expect(why.get_by_role("heading", name=re.compile("ValueError . 9"))).to_be_visible()
        why.get_by_text("Traceback of item 3").click()
        expect(why.locator("pre")).to_contain_text("in fail_some")
        summary = frame.get_by_role("region", name="Summary")
        expect(summary).to_contain_text("Compute time")
        expect(summary).to_contain_text("Cold starts")
        expect(summary.get_by_title("Lithops: worker_exec_time")).to_have_text("Calls took together")
        expect(frame.get_by_title("In Lithops's logs: job M001", exact=True)).to_have_text("1")  # a round
        slowest = summary.get_by_role("button").first
        slowest.click()
        expect(frame.get_by_role("dialog", name=slowest.inner_text().partition(" (")[0].capitalize())).to_be_visible()
        page.keyboard.press("Escape")
        frame.get_by_role("button", name="failed 9").click()
        expect(frame.locator(".items tbody tr")).to_have_count(9)
        frame.get_by_role("searchbox").fill("45 is bad")
        expect(frame.locator(".items tbody tr")).to_have_count(1)
        expect(frame.locator("td.failure")).to_contain_text("ValueError: 45 is bad <script>")
        name = frame.locator(".items tbody tr").get_by_title(re.compile(r"job M001, call 0000\d$"))
        expect(name).to_have_text(re.compile(r"^1/\d$"))
        frame.locator(".items tbody tr").click()
        expect(page).to_have_url(re.compile("#state=failed&search=45\\+is\\+bad&item=45$"))
        page.reload()

        dialog = frame.get_by_role("dialog", name="Item 45")
        expect(dialog.get_by_role("heading", name="Try 2")).to_be_visible()
        expect(dialog.get_by_role("heading", name="Try 1")).to_be_hidden()
        dialog.get_by_text("Try 1 failed in the same way").click()
        expect(dialog.get_by_role("heading", name="Try 1")).to_be_visible()
        expect(dialog.locator("pre").filter(has_text="in fail_some").first).to_contain_text("<script>document.title")
        expect(dialog.locator("pre").filter(has_text="seen 45").first).to_contain_text("<img src=x onerror=")
        assert frame.locator("img, pre script, td script").count() == 0
        assert "taken over" not in page.title()

        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        dialog.get_by_role("button", name="Copy").click()
        expect(dialog.get_by_text("Copied.")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "load_item(job, 45)" in copied
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

        with page.expect_download() as downloading:
            frame.get_by_role("button", name="Download failures").click()
        lines = Path(downloading.value.path()).read_text().splitlines()
        assert sorted(json.loads(line)["index"] for line in lines) == list(range(3, 60, 7))


def test_a_job_is_stopped_run_again_and_deleted(
    airflow: AirflowStack, browser: Browser, started: dict[str, Waiting]
) -> None:
    run, gate = started["stopped"]
    try:
        run.wait_for_task("runs", "deferred")
        with job_page(browser, airflow, run, "runs") as (_, frame):
            frame.get_by_role("button", name="Stop the job").click()
            dialog = frame.get_by_role("dialog", name="Stop the job?")
            dialog.get_by_role("button", name="Cancel").click()
            expect(dialog).to_be_hidden()
            expect(frame.locator(".heading .badge").first).to_have_text("running")
            frame.get_by_role("button", name="Stop the job").click()
            dialog.get_by_role("button", name="Stop the job").click()
            expect(frame.locator(".heading .badge").nth(1)).to_have_text("failed")
            gate.touch()
            frame.get_by_role("button", name="Run failed items again").click()
            again = frame.get_by_role("dialog", name="Run failed items again?")
            again.get_by_role("button", name="Run failed items again").click()
            expect(frame.locator(".heading .badge").nth(1)).to_have_text("success")
            frame.get_by_role("button", name="Delete its data").click()
            delete = frame.get_by_role("dialog", name="Delete its data?")
            delete.get_by_role("button", name="Delete its data").click()
            expect(frame.get_by_text("The job's data has been deleted")).to_be_visible()
    finally:
        gate.touch()
        run.wait(check=False)
    logs = airflow.api.get("/eventLogs", dag_id="page_runs", run_id=run.run_id, limit=1000)["event_logs"]
    events = [entry["event"] for entry in logs if entry["owner"]]
    acted = ("lithops_stop_job", "post_clear_task_instances", "lithops_clean_job")
    assert [events.count(event) for event in acted] == [1, 1, 1]


@pytest.mark.thorough
def test_100_000_items_in_the_dark(airflow: AirflowStack, browser: Browser, ended: dict[str, DagRun]) -> None:
    with job_page(browser, airflow, ended["page_many"], "many", dark=True) as (page, frame):
        expect(frame.get_by_role("progressbar")).to_have_attribute(
            "aria-valuetext", "100,000 of 100,000 items done, 20 failed"
        )
        assert frame.locator("html").get_attribute("data-theme") == "dark"
        colours = [where.evaluate("getComputedStyle(document.body).backgroundColor") for where in page.frames[:2]]
        assert colours[0] == colours[1]  # as Airflow has it
        expect(frame.locator(".pager span")).to_have_text("1 to 20 of 100,000")
        frame.get_by_role("button", name="Last", exact=True).click()
        expect(frame.get_by_role("button", name="Show item 99999", exact=True)).to_be_visible()
        assert frame.locator(".chart .bar").count() < 5_000
        assert frame.locator(".items tbody tr").count() <= 50

        # Airflow's own switch turns the page over, too.
        page.evaluate("document.documentElement.classList.replace('dark', 'light')")
        expect(frame.locator("html")).to_have_attribute("data-theme", "light")


@pytest.mark.thorough
def test_1_000_000_items_are_shown_and_refreshed_by_small_answers(airflow: AirflowStack, browser: Browser) -> None:
    run = airflow.api.trigger("page_million").wait()
    with job_page(browser, airflow, run, "million") as (page, frame):
        expect(frame.get_by_role("progressbar")).to_have_attribute(
            "aria-valuetext", "1,000,000 of 1,000,000 items done, 200 failed"
        )
        expect(frame.get_by_role("heading", name=re.compile("KeyError . 200"))).to_be_visible()
        frame.get_by_role("columnheader", name="Duration").get_by_role("button").click()
        expect(frame.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
        frame.get_by_role("button", name="failed 200").click()
        expect(frame.locator(".pager span")).to_have_text("1 to 20 of 200")
        sizes = page.frames[1].evaluate(
            "performance.getEntriesByType('resource').filter(entry => entry.name.includes('/lithops/api/'))"
            ".map(entry => entry.decodedBodySize)"
        )
        assert 0 < max(sizes) <= MOST


def test_keys_are_enough(airflow: AirflowStack, browser: Browser, ended: dict[str, DagRun]) -> None:
    with job_page(browser, airflow, ended["page_fails"], "fails") as (page, frame):
        header = frame.get_by_role("columnheader", name="Duration")
        header.get_by_role("button").focus()
        page.keyboard.press("Enter")
        expect(header).to_have_attribute("aria-sort", "descending")
        expect(header.get_by_role("button")).to_be_focused()  # though the table was made anew
        page.keyboard.press("Space")
        expect(header).to_have_attribute("aria-sort", "ascending")
        button = frame.locator(".items tbody button").first
        button.focus()
        page.keyboard.press("Enter")
        expect(frame.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(button).to_be_focused()


def test_the_navigation_lists_jobs_and_leads_to_them(
    airflow: AirflowStack, browser: Browser, ended: dict[str, DagRun]
) -> None:
    with window(browser, airflow.url) as page:
        page.goto("/")
        page.get_by_role("button", name="Browse").click()
        page.get_by_role("menuitem", name="Lithops jobs").click()
        frame = page.frame_locator("iframe[title='Lithops jobs']")
        frame.get_by_role("combobox", name="DAG").select_option("page_many")
        frame.get_by_role("combobox", name="Task's state").select_option("succeeded")
        expect(page).to_have_url(re.compile("#dag=page_many&state=success$"))
        page.reload()  # as somebody does who was sent the address
        expect(frame.get_by_role("combobox", name="DAG")).to_have_value("page_many")
        page.goto(page.url.replace("page_many", "page_fails"))  # in the same window, which loads nothing for it
        expect(frame.get_by_role("combobox", name="DAG")).to_have_value("page_fails")
        page.go_back()
        expect(frame.get_by_role("combobox", name="DAG")).to_have_value("page_many")
        row = frame.get_by_role("row").filter(has_text=ended["page_many"].run_id)
        expect(row).to_contain_text("100,000 of 100,000")
        expect(row.locator("td[data-label=Failed]")).to_have_text("20")
        page.set_viewport_size({"width": 390, "height": 844})  # a phone's
        line = frame.locator("tbody tr").filter(has_text=ended["page_many"].run_id)
        for label in ("Task's state", "Items done", "Failed", "Took"):
            cell = line.locator(f'td[data-label="{label}"]')
            cell.scroll_into_view_if_needed()
            expect(cell).to_be_in_viewport(ratio=1)
        page.set_viewport_size(SIZE)
        row.get_by_role("link", name="many").click()
        page.wait_for_url(re.compile(r"/dags/page_many/runs/.*/tasks/many/plugin/lithops$"))
        expect(inner(page).get_by_role("heading", name="fail_rarely", exact=True)).to_be_visible()
        expect(inner(page).get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100000")
        expect(inner(page).get_by_role("button", name="Show item 0", exact=True)).to_be_in_viewport()
        inner(page).get_by_role("link", name="All jobs").click()
        page.wait_for_url(re.compile(r"/plugin/lithops-jobs$"))


def test_an_expired_login_is_told(guarded: Guarded, browser: Browser, ended: dict[str, DagRun]) -> None:
    with window(browser, guarded.url, token=guarded.token()) as page:
        page.goto(address(ended["page_fails"], "fails"))
        frame = inner(page)
        expect(frame.get_by_role("progressbar")).to_be_visible()
        expect(frame.get_by_role("button", name="failed 9")).to_be_visible()
        expect(frame.get_by_role("group", name="Actions").get_by_role("button")).to_have_count(0)  # of a viewer
        expired = guarded.token(age=60)
        page.context.add_cookies([{"name": "_token", "value": expired, "url": guarded.url}])
        frame.get_by_role("button", name="failed 9").click()
        expect(frame.get_by_text("Your login has expired")).to_be_visible()
        frame.get_by_role("button", name="Log in again").click()
        page.wait_for_url(re.compile("/auth/login"))
