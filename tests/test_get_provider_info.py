from __future__ import annotations

import json
from importlib.metadata import entry_points, metadata
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

from lithops_provider.connection.extra import connection_config, what_to_test
from lithops_provider.get_provider_info import get_provider_info
from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.binding.items import MAX_ITEMS
from lithops_provider.jobs.config.resolve import compute_backends, storage_backends
from lithops_provider.task import deferral, xcom
from tests.airflow_version import needs_airflow
from tests.programs import run_python

DISTRIBUTION = "airflow-provider-lithops"


def connection_type() -> dict[str, Any]:
    (found,) = get_provider_info()["connection-types"]
    return dict(found)


def test_it_is_what_airflow_expects() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())

    jsonschema.validate(get_provider_info(), schema)


def test_it_is_the_distributions() -> None:
    (entry_point,) = (
        entry
        for entry in entry_points(group="apache_airflow_provider")
        if entry.dist is not None and entry.dist.name == DISTRIBUTION
    )

    assert entry_point.load() is get_provider_info
    assert get_provider_info()["package-name"] == metadata(DISTRIBUTION)["Name"] == DISTRIBUTION
    assert get_provider_info()["versions"] == [metadata(DISTRIBUTION)["Version"]]


@needs_airflow("3.3", "example DAGs of providers")
def test_airflow_finds_a_module_of_the_distributions_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else every process of Airflow that loads examples, as it does unless configured, logs a traceback about it."""
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager()

    assert [record.getMessage() for record in caplog.records if "airflow_provider_lithops" in record.getMessage()] == []


@needs_airflow("3.2", "a providers manager for tasks")
def test_airflow_finds_the_provider_and_its_hook() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    assert ProvidersManager().providers[DISTRIBUTION].data["name"] == "Lithops"
    hook = ProvidersManagerTaskRuntime().hooks["lithops"]

    assert hook is not None
    assert hook.hook_class_name == f"{LithopsHook.__module__}.{LithopsHook.__name__}"
    assert hook.connection_id_attribute_name == "lithops_conn_id"
    assert hook.hook_name == "Lithops"
    assert hook.connection_testable


@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")  # in Airflow 3.2's own use of it
def test_airflow_shows_the_form() -> None:
    (meta,) = (meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "lithops")

    assert meta.hook_name == "Lithops"
    assert meta.extra_fields is not None
    assert list(meta.extra_fields) == list(connection_type()["conn-fields"])
    assert meta.extra_fields["backend"]["schema"]["title"] == "Compute backend"
    assert meta.standard_fields is not None
    assert meta.standard_fields.port is not None
    assert meta.standard_fields.port.hidden
    assert meta.standard_fields.login is not None
    assert meta.standard_fields.login.title == "Access key id or user"


def test_the_form_offers_what_lithops_has() -> None:
    fields = connection_type()["conn-fields"]

    assert sorted(fields["backend"]["schema"]["enum"]) == sorted(compute_backends())
    assert sorted(fields["storage"]["schema"]["enum"]) == sorted(storage_backends())


@pytest.mark.parametrize("name", [name for name in connection_type()["conn-fields"] if name != "test"])
def test_the_hook_understands_each_field_of_the_form(name: str) -> None:
    backend = {"backend": "aws_lambda", "storage": "aws_s3"}
    config = connection_config(Connection(conn_id="c", conn_type="lithops", extra=json.dumps(backend | {name: 1})))

    assert any(settings.get(name) == 1 for settings in config.values())


@pytest.mark.parametrize("chosen", connection_type()["conn-fields"]["test"]["schema"]["enum"])
def test_what_a_test_tries_is_no_setting_of_lithops(chosen: str) -> None:
    connection = Connection(conn_id="c", conn_type="lithops", extra=json.dumps({"backend": "k8s", "test": chosen}))

    assert connection_config(connection) == {"lithops": {"backend": "k8s"}}
    assert what_to_test(connection) == chosen


def test_the_types_agree() -> None:
    assert connection_type()["connection-type"] == LithopsHook.conn_type
    assert connection_type()["hook-name"] == LithopsHook.hook_name


def test_asking_for_it_imports_neither_airflow_nor_lithops() -> None:
    code = (
        "import sys; before = set(sys.modules); "  # what measures coverage has imported json by then
        "from lithops_provider.get_provider_info import get_provider_info; get_provider_info(); "
        "print([name for name in ('airflow', 'lithops', 'json') if name in sys.modules.keys() - before])"
    )

    assert run_python(code) == b"[]\n"


def test_airflow_knows_the_settings() -> None:
    options = get_provider_info()["config"]["lithops"]["options"]

    assert options["max_items"]["default"] == str(MAX_ITEMS)
    assert options["max_xcom_size"]["default"] == str(xcom._MAX_SIZE)
    assert float(options["defer_after"]["default"]) == deferral._DEFER_AFTER
    assert float(options["defer_at_least"]["default"]) == deferral._DEFER_AT_LEAST
    assert set(options) == {"max_xcom_size", "max_items", "defer_after", "defer_at_least", "retention", "prices"}
