"""
Make the pictures of the page in ``docs/images`` anew: jobs of the example ``lithops_jobs_page`` in a real Airflow, as a
browser shows them. For whoever has changed the page: ``python -m tools.pictures``. It takes some minutes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.airflow.browser import job_page
from tests.browser import find_browser, window
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.session import EXAMPLES, ROOT, say, temporary_airflow
from tools.ui import PAGE

IMAGES = ROOT / "docs" / "images"
"""Where the pictures are."""

WIDTH = 1440
"""Their width in pixels."""

ENOUGH = 200
"""Items that have to be done before the running job is a picture."""


def main() -> int:
    """Run the example and take its pictures; return the exit status."""
    path = find_browser()
    if path is None:
        print("No browser is installed (apt-get install chromium).", file=sys.stderr)
        return 1
    with folder_of_dags() as dags, temporary_airflow((dags,)) as airflow, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        run = airflow.api.trigger(PAGE)
        run.wait_for_task("failing", "failed")
        run.wait_for_task("hundred_thousand", "success")
        take_pictures(browser, airflow, run)
        browser.close()
    return 0


@contextmanager
def folder_of_dags() -> Iterator[Path]:
    """Make a folder with the example. Tracebacks in the pictures name it, so it has the same name each time."""
    folder = Path(tempfile.gettempdir()) / "airflow"
    folder.mkdir()  # it belongs to nobody else
    try:
        shutil.copytree(EXAMPLES, folder / "dags", ignore=lambda _, names: {name for name in names if PAGE not in name})
        yield folder / "dags"
    finally:
        shutil.rmtree(folder)


def take_pictures(browser: Browser, airflow: AirflowStack, run: DagRun) -> None:
    """
    Take all pictures while one of the example's jobs still runs.

    :param browser: the browser
    :param airflow: where the example runs
    :param run: its run
    """
    with job_page(browser, airflow, run, "failing") as (page, frame):
        frame.get_by_text("Traceback of item 7", exact=True).click()
        expect(frame.locator(".why pre")).to_contain_text("LookupError")
        take(page, "page-failing", 1600)
        frame.get_by_role("button", name="Show item 7, which failed", exact=True).click()
        expect(frame.get_by_role("dialog", name="Item 7").get_by_text("Output")).not_to_have_count(0)
        take(page, "page-item", 1000)
    with job_page(browser, airflow, run, "hundred_thousand", dark=True) as (page, frame):
        expect(frame.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100000")
        take(page, "page-100000", 1250)
    with job_page(browser, airflow, run, "running") as (page, frame):
        say(f"Waiting until {ENOUGH} items of the running job are done")
        page.wait_for_function(
            "enough => [...document.querySelectorAll('iframe')].some(each => Number("
            "each.contentDocument.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')) >= enough)",
            arg=ENOUGH,
        )
        expect(frame.get_by_text("more calls have stored")).to_have_count(0)
        take(page, "page-running", 1150)
    with window(browser, airflow.url, token=airflow.api.token) as page:
        page.goto("/plugin/lithops-jobs")
        frame = page.frame_locator("iframe[title='Lithops jobs']")
        expect(frame.get_by_role("link", name="running")).to_be_visible()
        take(page, "page-list", 560)


def take(page: Page, name: str, height: int) -> None:
    """
    Take a picture of a window, once it has drawn what its size makes room for.

    :param page: the window
    :param name: of the file, without its ending
    :param height: in pixels
    """
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(1_000)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"   docs/images/{name}.png", flush=True)


if __name__ == "__main__":
    sys.exit(main())
