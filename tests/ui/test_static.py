"""The pages in a browser. Their server answers from a database and a storage of tests, without Airflow around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, Route, expect

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from tests.browser import window
from tests.jobs.elsewhere import store
from tests.status.database import Database
from tests.status.instances import KEY, sent_by_a_try
from tests.ui.server import Server

URL = "http://airflow.test"
JOB = f"/job/{KEY.dag_id}/{KEY.run_id}/{KEY.task_id}/{KEY.map_index}"


@contextmanager
def shown(browser: Browser, server: Server, path: str) -> Iterator[Page]:
    """Opens a page. Nothing is sent: the server is asked in this process."""

    def answer(route: Route) -> None:
        asked = urlsplit(route.request.url)
        given = server.http.request(route.request.method, f"{asked.path}?{asked.query}")
        route.fulfill(status=given.status_code, headers=dict(given.headers), body=given.content)

    with window(browser, URL) as page:
        page.route(f"{URL}/**", answer)
        page.goto(path)
        yield page


# -- the list of jobs ------------------------------------------------------------------------------------------


@pytest.fixture
def listing(server: Server, jobs: Database) -> Server:
    """The server, which lists the jobs of two DAGs."""
    server.database, server.readable = jobs.session, {"etl", "images"}
    return server


def tasks(page: Page) -> Locator:
    return page.get_by_role("rowheader").get_by_role("link")


#: For each column, what a click sorts by, and the order of the tasks; then the same for a second click. A job of
#: which nothing is known comes last both times.
SORTED = {
    "Sent": [("sent", ["parse", "load", "shrink"]), (None, ["shrink", "load", "parse"])],
    "Task": [("task", ["load", "parse", "shrink"]), ("-task", ["shrink", "parse", "load"])],
    "Items done": [("-items", ["shrink", "load", "parse"]), ("items", ["load", "parse", "shrink"])],
    "Failed": [("-failed", ["parse", "load", "shrink"]), ("failed", ["load", "parse", "shrink"])],
    "Took": [("-seconds", ["load", "parse", "shrink"]), ("seconds", ["parse", "load", "shrink"])],
    "Cost, estimated": [("-cost", ["load", "shrink", "parse"]), ("cost", ["load", "shrink", "parse"])],
}


def test_each_column_sorts_the_list_and_the_address_says_which(listing: Server, browser: Browser) -> None:
    with shown(browser, listing, "/jobs") as page:
        expect(tasks(page)).to_have_text(["shrink", "load", "parse"])
        expect(page.get_by_role("columnheader").get_by_role("button")).to_have_count(len(SORTED))
        for column, clicks in SORTED.items():
            header = page.get_by_role("columnheader", name=column, exact=True)
            for sort, order in clicks:
                header.get_by_role("button").click()
                expect(tasks(page)).to_have_text(order)
                expect(page).to_have_url(f"{URL}/jobs#sort={sort}" if sort else f"{URL}/jobs")
                descending = sort is None or sort.startswith("-")
                expect(header).to_have_attribute("aria-sort", "descending" if descending else "ascending")
        header.get_by_role("button").click()
        expect(tasks(page)).to_have_text(["load", "shrink", "parse"])
        page.reload()  # as somebody does who was sent the address
        expect(header).to_have_attribute("aria-sort", "descending")
        expect(tasks(page)).to_have_text(["load", "shrink", "parse"])


def test_the_list_is_searched_and_filtered_and_the_address_says_how(listing: Server, browser: Browser) -> None:
    with shown(browser, listing, "/jobs") as page:
        search, dag = page.get_by_role("searchbox"), page.get_by_role("combobox", name="DAG")
        state = page.get_by_role("combobox", name="Task's state")
        expect(dag.get_by_role("option")).to_have_text(["all DAGs", "etl", "images"])  # not what one may not read
        search.fill("THUMB")
        expect(tasks(page)).to_have_text(["shrink"])
        expect(page).to_have_url(f"{URL}/jobs#search=THUMB")
        dag.select_option("etl")
        expect(page.get_by_text("No jobs match.")).to_be_visible()
        search.fill("")
        expect(tasks(page)).to_have_text(["load", "parse"])
        for chosen, order in {"failed": ["parse"], "success": ["load"], "running": []}.items():
            state.select_option(chosen)
            expect(tasks(page)).to_have_text(order)
        state.select_option("failed")
        search.fill("run-1")
        expect(page).to_have_url(f"{URL}/jobs#dag=etl&state=failed&search=run-1")
        page.reload()
        expect(tasks(page)).to_have_text(["parse"])
        expect(search).to_have_value("run-1")
        expect(dag).to_have_value("etl")
        expect(state).to_have_value("failed")


def test_another_address_in_the_same_window_shows_what_it_says(listing: Server, browser: Browser) -> None:
    with shown(browser, listing, "/jobs#dag=etl") as page:
        expect(tasks(page)).to_have_text(["load", "parse"])
        page.goto("/jobs#dag=images")  # only what is behind the # differs, so the browser doesn't load the page anew
        expect(tasks(page)).to_have_text(["shrink"])
        page.goto("/jobs#state=odd&sort=odd&first=odd&search=" + "e" * 300)
        expect(page.get_by_text("No jobs match.")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_task_whose_jobs_cannot_be_read_is_listed_with_the_reason(
    listing: Server, browser: Browser, jobs: Database
) -> None:
    jobs.add("etl", "forged", "success", published={"jobs": "none"})
    with shown(browser, listing, "/jobs") as page:
        expect(tasks(page)).to_have_text(["forged", "shrink", "load", "parse"])
        expect(page.get_by_role("row").filter(has_text="forged")).to_contain_text("isn't what a task publishes")


def test_pages_of_the_list(listing: Server, browser: Browser, jobs: Database) -> None:
    for number in range(30):
        jobs.add("images", f"task_{number}", "success", {"failed": 0})
    with shown(browser, listing, "/jobs") as page:
        expect(tasks(page)).to_have_count(25)
        page.get_by_role("button", name="Next").click()
        rest = [f"task_{number}" for number in range(4, -1, -1)]
        expect(tasks(page)).to_have_text([*rest, "shrink", "load", "parse"])
        expect(page).to_have_url(f"{URL}/jobs#first=25")
        page.reload()
        expect(page.get_by_role("button", name="Next")).to_be_disabled()
        page.get_by_role("combobox", name="DAG").select_option("etl")
        expect(tasks(page)).to_have_text(["load", "parse"])
        expect(page).to_have_url(f"{URL}/jobs#dag=etl")


# -- the calls of a job ----------------------------------------------------------------------------------------


def test_a_few_calls_leave_no_room_empty(
    server: Server, client: LithopsClient, job: LithopsJob, browser: Browser
) -> None:
    with shown(browser, server, JOB) as page:
        calls = page.get_by_role("region", name=re.compile("^Calls"))
        durations = page.get_by_role("region", name="Durations")
        expect(page.get_by_role("button", name="waiting 4")).to_be_visible()
        expect(calls).to_have_count(0)
        expect(durations).to_have_count(0)
        for call, items in ((0, {0: 0}), (1, {2: 2, 3: "unlucky"})):
            store(client, job, call, items, started=job.created + call)
            expect(page.get_by_role("img", name=f"Timeline of {call + 1} calls")).to_be_visible()
            expect(calls.locator(".bar")).to_have_count([1, 3][call])
            around, chart, below = (box(where) for where in (calls, calls.locator(".chart"), durations))
            assert around["height"] < chart["height"] + 100
            assert around["width"] == below["width"] > 1300
            assert below["y"] - (around["y"] + around["height"]) == 12


def test_an_address_with_a_filter_in_the_window_of_the_job(server: Server, job: LithopsJob, browser: Browser) -> None:
    with shown(browser, server, JOB) as page:
        expect(page.get_by_role("button", name=f"all {job.items}")).to_have_attribute("aria-pressed", "true")
        page.goto(f"{JOB}#state=failed")
        expect(page.get_by_role("button", name="failed 0")).to_have_attribute("aria-pressed", "true")


def test_more_calls_are_beside_the_durations(server: Server, client: LithopsClient, browser: Browser) -> None:
    job = sent_by_a_try(client, items=5, calls=5)
    server.record = replace(server.record, jobs={"map": job})
    for call in range(5):
        store(client, job, call, {call: call}, started=job.created)
    with shown(browser, server, JOB) as page:
        calls, durations = (page.get_by_role("region", name=name) for name in (re.compile("^Calls"), "Durations"))
        assert box(calls)["y"] == box(durations)["y"]
        assert box(calls)["width"] > box(durations)["width"]


def box(shown: Locator) -> FloatRect:
    """Where something is."""
    expect(shown).to_be_visible()
    found = shown.bounding_box()
    assert found is not None
    return found
