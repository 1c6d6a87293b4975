from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import redact

from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs import LithopsClient, LithopsJob
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError, StorageUnavailableError
from lithops_provider.jobs.remote.keys import STOP_ALL
from lithops_provider.jobs.submit.cache.entries import CacheEntry
from tests.airflow_version import AIRFLOW
from tests.connections import make_connection, surroundings
from tests.fresh import run_after_airflow
from tests.jobs.by_key_here import store_job
from tests.jobs.conftest import MapStarter, client, run_map
from tests.jobs.elsewhere import elsewhere
from tests.jobs.warm import warm_runners

__all__ = ["client", "run_map", "surroundings", "warm_runners"]  # fixtures

pytestmark = pytest.mark.usefixtures("surroundings")


#: Airflow 3.1 takes no connection from the environment whose extra can't be read.
NO_JSON = (
    "its extra must be a JSON object, but is no JSON" if AIRFLOW >= (3, 2) else "the environment variable AIRFLOW_CONN_"
)


# -- which configuration ---------------------------------------------------------------------------------------


def test_without_a_default_connection_it_is_localhost() -> None:
    config = LithopsHook().get_config()

    assert config["lithops"]["backend"] == config["lithops"]["storage"] == "localhost"
    assert config["localhost"]["runtime"] == sys.executable


def test_without_a_default_connection_lithops_own_file_applies() -> None:
    Path(".lithops_config").write_text("lithops: {execution_timeout: 77}\n")

    assert LithopsHook().get_config()["lithops"]["execution_timeout"] == 77


def test_an_empty_default_connection_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".lithops_config").write_text("lithops: {execution_timeout: 77}\n")
    make_connection(monkeypatch, "lithops_default", {"backend": None})

    assert LithopsHook().get_config()["lithops"]["execution_timeout"] == 77


def test_each_layer_is_over_the_one_below(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".lithops_config").write_text("lithops: {execution_timeout: 77, chunksize: 7}\n")
    localhost = {"runtime_memory": 1, "runtime_timeout": 1, "runtime": "/one"}
    make_connection(monkeypatch, "lithops_default", {"lithops": {"execution_timeout": 88}, "localhost": localhost})
    over = {"localhost": {"runtime_timeout": 2, "runtime_memory": 2}}
    config = LithopsHook(lithops_config=over, runtime_memory=3, runtime=None).get_config()

    assert config["lithops"]["execution_timeout"] == 88
    assert config["lithops"]["chunksize"] != 7  # a connection replaces the files
    assert [config["localhost"][key] for key in ("runtime", "runtime_timeout", "runtime_memory")] == ["/one", 2, 3]
    assert over == {"localhost": {"runtime_timeout": 2, "runtime_memory": 2}}


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "lithops", "extra": {"localhost": {"runtime_memory": 5}}}',
        '{"conn_type": "lithops", "extra": "{\\"localhost\\": {\\"runtime_memory\\": 5}}"}',
        "lithops://?runtime_memory=5",
        'lithops://?__extra__={"localhost": {"runtime_memory": 5}}',
    ],
)
def test_a_connection_in_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LITHOPS_DEFAULT", value)
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", value)

    assert LithopsHook().get_config()["localhost"]["runtime_memory"] == 5
    assert LithopsHook("other").get_config()["localhost"]["runtime_memory"] == 5


def test_configs_are_the_callers_own() -> None:
    hook = LithopsHook()
    hook.get_config()["lithops"]["backend"] = "changed"

    assert hook.get_config()["lithops"]["backend"] == "localhost"


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("conn_id", "value", "expected"),
    [
        (
            "nowhere",
            None,
            r"^connection 'nowhere' doesn't exist; add it, of type 'lithops', or leave out lithops_conn_id",
        ),
        (
            "broken",
            '{"conn_type": ',
            r"^connection 'broken': the environment variable AIRFLOW_CONN_BROKEN can't be read",
        ),
        ("lithops_default", '{"conn_type": ', r"^connection 'lithops_default': the environment variable AIRFLOW_CONN_"),
        (
            "lithops_default",
            '{"conn_type": "lithops", "extra": "{"}',
            rf"^connection 'lithops_default': {NO_JSON}",
        ),
        (
            "other",
            '{"conn_type": "lithops", "extra": {"backend": "k9s", "storage": "minio"}}',
            r"^connection 'other': lithops\.backend: Lithops has no backend 'k9s'; did you mean k8s\?",
        ),
        (
            "other",
            '{"conn_type": "lithops", "extra": {"storage": "infinispan", "infinispan": {"endpoint": "e"}}}',
            r"^connection 'other': storage 'infinispan': 'username' is mandatory under 'infinispan' section",
        ),
    ],
)
def test_a_wrong_connection(
    conn_id: str, value: str | None, expected: str, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", value)
    hook = LithopsHook(conn_id)
    with pytest.raises(ConfigurationError, match=expected):
        asyncio.run(hook.aget_config()) if asynchronous else hook.get_config()


def test_the_asynchronous_twin_returns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    make_connection(monkeypatch, "lithops_default", {"lithops": {"execution_timeout": 88}})
    arguments = {"lithops_config": {"lithops": {"chunksize": 3}}, "workers": 3}

    async def ticks_while_it_resolves() -> tuple[dict[str, Any], int]:
        ticks, task = 0, asyncio.create_task(LithopsHook(**arguments).aget_config())
        while not task.done():
            ticks += 1
            await asyncio.sleep(0)
        return task.result(), ticks

    config, ticks = asyncio.run(ticks_while_it_resolves())

    assert config == LithopsHook(**arguments).get_config()
    assert ticks > 10


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_hook_reads_its_connection_once(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def config(hook: LithopsHook) -> dict[str, Any]:
        return asyncio.run(hook.aget_config()) if asynchronous else hook.get_config()

    make_connection(monkeypatch, "lithops_default", {"lithops": {"execution_timeout": 88}})
    first = config(hook := LithopsHook())
    make_connection(monkeypatch, "lithops_default", {"lithops": {"execution_timeout": 99}})

    assert config(hook) == first
    assert config(LithopsHook())["lithops"]["execution_timeout"] == 99


# -- secrets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asynchronous", [False, True])
def test_all_secrets_are_masked(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"azure_storage": {"storage_account_key": "azure-secret"}, "swift": {"password": "swift-secret"}}
    make_connection(monkeypatch, "lithops_default", extra)
    hook = LithopsHook(lithops_config={"rabbitmq": {"amqp_url": "amqp://u:mq-secret@h"}, "aws_s3": {"region": "eu-x"}})
    assert redact("azure-secret") == "azure-secret"
    asyncio.run(hook.aget_config()) if asynchronous else hook.get_config()

    assert redact("azure-secret, swift-secret, mq-secret") == "***, ***, ***"
    assert redact("amqp://u:mq-secret@h in eu-x") == "*** in eu-x"


def test_secrets_are_masked_before_an_error_could_quote_them(monkeypatch: pytest.MonkeyPatch) -> None:
    make_connection(monkeypatch, "lithops_default", {"lithops": {"backend": "k9s"}, "redis": {"password": "s3cret-1"}})
    with pytest.raises(ConfigurationError):
        LithopsHook(lithops_config={"swift": {"password": "s3cret-2"}}).get_config()

    assert redact("s3cret-1 s3cret-2") == "*** ***"


# -- test_connection -------------------------------------------------------------------------------------------


def test_the_test_works_on_localhost() -> None:
    works, message = LithopsHook().test_connection()

    assert works
    version = ".".join(map(str, sys.version_info[:3]))
    assert f"on this machine with Python {version} ({sys.executable})" in message
    assert "wrote, read and deleted an object in bucket 'storage'" in message
    assert "Lithops 3." in message


def test_the_test_runs_a_function_if_the_connection_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    make_connection(monkeypatch, "other", {"test": "function"})
    works, message = LithopsHook("other").test_connection()
    assert works, message
    assert f"A function ran in {sys.executable!r} with Python {sys.version.split()[0]}" in message

    make_connection(monkeypatch, "other", {"test": "everything"})
    works, message = LithopsHook("other").test_connection()
    assert not works
    assert message == "field 'test' of its extra must be one of storage, function, got 'everything'"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"backend": "k9s"}, "lithops.backend: Lithops has no backend 'k9s'; did you mean k8s?"),
        ("{", NO_JSON),
        ({"lithops": {"storage": "swift"}, "swift": {"region": "r"}}, "storage 'swift': 'auth_url' is mandatory"),
    ],
)
def test_the_test_says_what_is_wrong(extra: Any, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_connection(monkeypatch, "other", extra)
    works, message = LithopsHook("other").test_connection()

    assert not works
    assert message.startswith(expected)


def test_the_test_never_raises() -> None:
    assert LithopsHook("other", nonsense=1).test_connection()[0] is False
    assert LithopsHook(nonsense=1).test_connection() == (
        False,
        "'nonsense' is no setting of Lithops. One of: mode, backend, storage, monitoring, runtime, runtime_memory, "
        "runtime_timeout, workers, max_workers, worker_processes, remote_invoker, invoke_pool_threads. "
        "Other settings of a backend go into its section of lithops_config",
    )


# -- jobs that are over ----------------------------------------------------------------------------------------


def test_results_that_are_in_storage_are_reduced() -> None:
    hook = LithopsHook()
    job = store_job(hook.get_client(), [{"a": 1}, {"a": 2}]).to_dict()

    assert hook.reduce_job(job, max_of_key, reduce_by_key=True, reducers=1) == [["a", 2]]
    with pytest.raises(InvalidInputError, match="reduce_fan_in must be at least 2, got 1"):
        hook.reduce_job(job, max, reduce_fan_in=1)


def test_an_item_is_loaded_until_its_job_is_cleaned(run_map: MapStarter) -> None:
    hook, job = LithopsHook(), run_map(pow, [(2, 3), (3, 2)]).job.to_dict()

    assert hook.load_item(job, 1)() == 9
    assert hook.clean_job(job) > 0
    assert hook.clean_job(job) == 0
    with pytest.raises(StorageUnavailableError):
        hook.load_item(job, 1)


def test_a_job_is_stopped(client: LithopsClient) -> None:
    job = elsewhere(client)

    LithopsHook().cancel_job(job.to_dict())

    assert client.get(job.bucket, job.stop_key()) == STOP_ALL


def test_cached_results_are_deleted_from_some_age_on(client: LithopsClient) -> None:
    hook = LithopsHook()
    hook.clear_cache()
    client.put(CacheEntry.new("0" * 32, LithopsJob.new_executor_id()).index_key, b"")

    assert hook.clear_cache(timedelta(days=1)) == 0
    assert hook.clear_cache() == 1


def max_of_key(key: str, values: Any) -> int:
    return max(values)


# -- Airflow ---------------------------------------------------------------------------------------------------


def test_importing_it_does_not_import_lithops() -> None:
    code = (
        "import sys, lithops_provider.hooks, lithops_provider.plugin; "
        "print([name for name in ('lithops', 'cloudpickle', 'wtforms') if name in sys.modules])"
    )
    assert run_after_airflow(code).splitlines()[-1] == "[]"


class Field:
    """What a form field of WTForms has, as far as Airflow 3.1 looks at it."""

    def __init__(self, label: str, *, validators: list[Any], description: str, widget: Any) -> None:
        self.label, self.validators, self.description, self.widget = label, validators, description, widget


class StringField(Field):
    pass


class IntegerField(Field):
    pass


def test_the_form_of_airflow_3_1(monkeypatch: pytest.MonkeyPatch) -> None:
    # Neither WTForms nor Flask-AppBuilder comes with Airflow 3, which stands something of the kind in for them.
    contents: dict[str, dict[str, Any]] = {
        "wtforms": {"StringField": StringField, "IntegerField": IntegerField},
        "wtforms.validators": {"Optional": lambda: "optional", "any_of": list},
        "flask_babel": {"lazy_gettext": str},
        "flask_appbuilder": {},
        "flask_appbuilder.fieldwidgets": {"BS3TextFieldWidget": object},
    }
    for name, attributes in contents.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    widgets = LithopsHook.get_connection_form_widgets()

    assert list(widgets) == [
        *("backend", "storage", "storage_bucket", "region", "execution_role", "runtime", "runtime_memory", "test"),
    ]
    assert type(widgets["runtime_memory"]) is IntegerField
    assert widgets["backend"].validators[0] == "optional"
    assert {"localhost", "k8s"} < set(widgets["backend"].validators[1])
    assert widgets["region"].validators == ["optional"]
    behaviour = LithopsHook.get_ui_field_behaviour()
    assert behaviour["hidden_fields"] == ["schema", "port"]
    assert behaviour["relabeling"]["host"] == "Storage endpoint"
    assert behaviour.keys() == {"hidden_fields", "relabeling", "placeholders"}
