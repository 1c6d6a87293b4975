from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import airflow._shared.secrets_masker as server
import airflow.sdk._shared.secrets_masker as tasks
import pytest
from airflow.plugins_manager import AirflowPlugin

from lithops_provider import plugin
from lithops_provider.jobs.config.secrets import HIDDEN_NAMES, is_secret_key
from lithops_provider.plugin import LithopsPlugin, hide_credentials
from tests.fresh import run_after_airflow

STATIC = Path(plugin.__file__).parent / "ui" / "static"

SECRET_KEYS = [
    *("access_key_id", "secret_access_key", "access_key_secret", "session_token", "token", "api_key", "iam_api_key"),
    *("storage_account_key", "password", "ssh_password", "docker_password", "amqp_url", "pass_phrase", "key_content"),
]


@pytest.fixture(params=[server, tasks], ids=["server", "tasks"])
def maskers(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """Each of Airflow's two maskers, as it is without the plugin."""
    both = [module._secrets_masker() for module in (server, tasks)]
    before = [masker.sensitive_variables_fields for masker in both]
    for masker in both:
        names = masker.sensitive_variables_fields
        masker.sensitive_variables_fields = [name for name in names if name not in HIDDEN_NAMES]
    yield request.param
    for masker, names in zip(both, before, strict=True):
        masker.sensitive_variables_fields = names


def test_airflow_hides_all_credentials_of_lithops(maskers: ModuleType) -> None:
    config = {"section": dict.fromkeys(SECRET_KEYS, "s3cret"), "otlp": {"headers": {"x-team": "s3cret"}}}
    assert "s3cret" in str(maskers.redact(config))  # else Airflow has learned, and the plugin is of no use
    hide_credentials()

    assert "s3cret" not in str(maskers.redact(config))
    assert all(map(is_secret_key, SECRET_KEYS))
    assert maskers.redact({"region": "eu", "endpoint": "http://h", "key": "k"}) == {
        **{"region": "eu", "endpoint": "http://h", "key": "k"},
    }


def test_names_are_added_once(maskers: ModuleType) -> None:
    hide_credentials()
    once = list(maskers._secrets_masker().sensitive_variables_fields)
    hide_credentials()

    assert maskers._secrets_masker().sensitive_variables_fields == once


def test_airflow_loads_the_plugin(maskers: ModuleType) -> None:
    (entry_point,) = entry_points(group="airflow.plugins", name="lithops")
    loaded = entry_point.load()
    assert loaded is LithopsPlugin
    assert issubclass(loaded, AirflowPlugin)
    loaded.on_load()

    assert maskers.should_hide_value_for_key("storage_account_key")


# Airflow's own imports warn.
@pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient` is deprecated")
def test_the_page_is_a_tab_of_task_instances_and_an_entry_in_the_navigation() -> None:
    (app,) = LithopsPlugin().fastapi_apps
    views = {view["destination"]: view for view in LithopsPlugin().external_views}

    assert set(views) == {"task_instance", "nav"}
    for view in views.values():
        # Relative: Airflow may be served under a path.
        assert view["href"].startswith(app["url_prefix"].removeprefix("/") + "/")
        icons = [STATIC / Path(view[name]).name for name in ("icon", "icon_dark_mode")]
        assert all(icon.is_file() for icon in icons)
    assert views["task_instance"]["href"].endswith("/job/{DAG_ID}/{RUN_ID}/{TASK_ID}/{MAP_INDEX}")


def test_what_the_page_loads_is_in_the_package_and_from_nowhere_else() -> None:
    scripts = {path.name for path in STATIC.glob("*.js")}
    for path in STATIC.iterdir():
        text = path.read_text()
        outside = set(re.findall(r"https?://[^\"'\s)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not outside, path.name
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= scripts
        assert "innerHTML" not in text
        assert "insertAdjacentHTML" not in text


def test_only_the_api_server_loads_what_is_behind_the_page() -> None:
    code = (
        "import sys; from lithops_provider.plugin import LithopsPlugin; from lithops_provider import operators; "
        "assert not [name for name in sys.modules if name.startswith('lithops_provider.ui')]; "
        "assert 'lithops' not in sys.modules"
    )
    run_after_airflow(code)
