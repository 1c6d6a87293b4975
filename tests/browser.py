"""A headless Chromium. The browser comes from the system; where there is none, Debian's package is installed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.backends.install import debian
from tools.waiting import HANGS

#: Names under which distributions install it.
NAMES = ("chromium", "chromium-browser", "google-chrome")

#: Pixels of a window, unless a test changes it.
SIZE: ViewportSize = {"width": 1360, "height": 900}

#: Milliseconds that the browser waits for what should be there.
PATIENCE = HANGS * 1000
expect.set_options(timeout=PATIENCE)


def find_browser() -> str | None:
    """Where a browser is installed; None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """
    A browser; tests that need one are skipped where there is none and none can be installed. It has ended before the
    tests of another folder begin: beside its event loop, there could be none of theirs, nor another browser.
    """
    path = find_browser() or debian("chromium", "chromium")
    # Chromium makes a socket in its temporary folder, and the path of a socket may have 107 bytes. Where several
    # processes run the tests, the path of the tests' own folder is too long for that.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, sync_playwright() as playwright:
        env: dict[str, str | float | bool] = {**os.environ, "TMPDIR": folder}
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], env=env)
        yield chromium
        chromium.close()


@contextmanager
def window(browser: Browser, url: str, *, dark: bool = False, token: str | None = None) -> Iterator[Page]:
    """
    Open a window with storage and cookies of its own, and fail if a script on it does.

    :param browser: the browser
    :param url: address of the server
    :param dark: whether the user's system is dark
    :param token: to be logged in with; else Airflow logs in whoever comes
    """
    context = browser.new_context(base_url=url, viewport=SIZE, color_scheme="dark" if dark else "light")
    context.set_default_timeout(PATIENCE)
    if token is not None:
        context.add_cookies([{"name": "_token", "value": token, "url": url}])
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not errors, f"scripts failed: {errors}"
