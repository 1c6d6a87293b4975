"""Airflow's form for connections of type lithops, and its Test button, as somebody at a browser uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from lithops_provider.get_provider_info import get_provider_info
from tests.airflow_version import AIRFLOW
from tests.browser import window
from tools.airflow_stack import AirflowStack

CONN_ID = "lithops_from_the_form"
(TYPE,) = get_provider_info()["connection-types"]
LABELS = [field["label"] for field in TYPE["conn-fields"].values()]
RENAMED = TYPE["ui-field-behaviour"]["relabeling"].values()


@pytest.fixture(scope="module", autouse=True)
def _form(airflow: AirflowStack) -> None:
    """A process of Airflow 3.1 that was asked for a test before the form has no fields for it: see docs/versions.md."""
    if AIRFLOW < (3, 2):
        airflow.restart("api-server")


@pytest.fixture
def saved(airflow: AirflowStack) -> Iterator[str]:
    """The id that a test saves a connection under."""
    yield CONN_ID
    airflow.api.delete_connection(CONN_ID)


def test_the_form_shows_our_fields_and_saves_them(airflow: AirflowStack, browser: Browser, saved: str) -> None:
    # Logged in beforehand: Airflow 3.1 leads who comes without a login to its front page.
    with window(browser, airflow.url, token=airflow.api.token) as page:
        page.goto("/connections")
        page.get_by_role("button", name="Add Connection").click()
        form = page.get_by_role("dialog")
        form.get_by_label("Connection ID").fill(saved)
        form.get_by_role("combobox").first.fill("lithops")
        page.keyboard.press("Enter")
        expect(form.locator("label").filter(has_text=LABELS[-1])).to_be_attached()
        labels = [text.strip("* \n") for text in form.locator("label").all_inner_texts()]
        assert labels == ["Connection ID", "Connection Type", "Description", *RENAMED, *LABELS]
        form.get_by_role("button", name="Extra Fields", exact=True).click()
        form.get_by_role("combobox").nth(1).click()
        page.get_by_role("option", name="localhost", exact=True).click()
        form.locator("[name=element_region]").fill("eu-west-1")
        form.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("row").filter(has_text=saved)).to_be_visible()

    extra = json.loads(airflow.api.get(f"/connections/{saved}")["extra"])
    assert {name: value for name, value in extra.items() if value is not None} == {
        "backend": "localhost",
        "region": "eu-west-1",
    }


def test_the_test_button_says_that_it_works(airflow: AirflowStack, browser: Browser, saved: str) -> None:
    # Airflow 3.3.1 and 3.3.2 refuse to test a saved connection that has no port, of whatever type (AF#73298).
    airflow.api.create_connection(saved, "lithops", extra=json.dumps({"backend": "localhost"}), port=0)
    with window(browser, airflow.url, token=airflow.api.token) as page:
        page.goto("/connections")
        button = page.get_by_role("row").filter(has_text=saved).get_by_role("button", name="Test Connection")
        button.click()
        expect(page.get_by_text("wrote, read and deleted an object in bucket 'storage'")).to_be_visible()
