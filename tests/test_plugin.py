from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType

import airflow._shared.secrets_masker as server
import airflow.sdk._shared.secrets_masker as tasks
import pytest
from airflow.plugins_manager import AirflowPlugin

from lithops_provider.jobs.secrets import HIDDEN_NAMES, is_secret_key
from lithops_provider.plugin import LithopsPlugin, hide_credentials

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
    plugin = entry_point.load()
    assert plugin is LithopsPlugin
    assert issubclass(plugin, AirflowPlugin)
    plugin.on_load()

    assert maskers.should_hide_value_for_key("storage_account_key")
