"""The page of a job in the tests' Airflow, as a browser shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser import window
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack


def address(run: DagRun, task_id: str) -> str:
    """Where Airflow has the page of a task's job."""
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id)}/tasks/{task_id}/plugin/lithops"


def inner(page: Page) -> FrameLocator:
    """What is in the frame of the page."""
    return page.frame_locator("iframe[title='Lithops job']")


@contextmanager
def job_page(
    browser: Browser, airflow: AirflowStack, run: DagRun, task_id: str, *, dark: bool = False
) -> Iterator[tuple[Page, FrameLocator]]:
    """The page of a task's job, once it shows items."""
    # Logged in beforehand: Airflow 3.1 leads who comes without a login to its front page.
    with window(browser, airflow.url, dark=dark, token=airflow.api.token) as page:
        page.goto(address(run, task_id))
        frame = inner(page)
        expect(frame.get_by_role("button", name="Show item 0", exact=True)).to_be_visible()
        yield page, frame
