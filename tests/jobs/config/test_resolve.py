from __future__ import annotations

import copy
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError
from tests.jobs.lithops_configs import (  # noqa: F401 - a fixture
    AWS,
    COMPUTE,
    MINIO,
    S3,
    SOURCE,
    backend_config,
    libraries,
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# -- where it comes from ---------------------------------------------------------------------------------------


def test_with_nothing_at_all_it_is_localhost() -> None:
    config = resolve_config()

    assert config["lithops"]["backend"] == config["lithops"]["storage"] == "localhost"
    assert config["lithops"]["mode"] == "localhost"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Path]]:
    """Lithops's own configuration in all places, each with another execution_timeout."""
    from lithops.constants import CONFIG_FILE

    files = {"home": Path(CONFIG_FILE), "cwd": Path(".lithops_config"), "file": Path("named.yaml")}
    files["home"].parent.mkdir(exist_ok=True)
    for number, (name, path) in enumerate(files.items(), start=1):
        path.write_text(f"lithops:\n  backend: localhost\n  execution_timeout: {number}\n# {name}\n")
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(files["file"]))
    monkeypatch.setenv("LITHOPS_CONFIG", json.dumps({"lithops": {"execution_timeout": 4}}))
    yield files
    files["home"].unlink()


def test_lithops_own_places_are_searched_in_its_order(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = [resolve_config()["lithops"]["execution_timeout"]]
    monkeypatch.delenv("LITHOPS_CONFIG")
    found.append(resolve_config()["lithops"]["execution_timeout"])
    monkeypatch.delenv("LITHOPS_CONFIG_FILE")
    found.append(resolve_config()["lithops"]["execution_timeout"])
    files["cwd"].unlink()
    found.append(resolve_config()["lithops"]["execution_timeout"])

    assert found == [4, 3, 2, 1]


@pytest.mark.usefixtures("files")
def test_a_given_config_replaces_lithops_own_files() -> None:
    assert resolve_config({"localhost": {}})["lithops"]["execution_timeout"] == 3600
    assert resolve_config({})["lithops"]["execution_timeout"] == 4


@pytest.mark.usefixtures("files")
def test_settings_of_a_task_are_over_lithops_own_files() -> None:
    config = resolve_config(None, {"lithops": {"chunksize": 7}}, {"runtime_memory": 99})

    assert config["lithops"]["execution_timeout"] == 4
    assert config["lithops"]["chunksize"] == 7
    assert config["localhost"]["runtime_memory"] == 99


@pytest.mark.parametrize(
    ("variable", "content", "expected"),
    [
        ("LITHOPS_CONFIG", "{", r"^environment variable LITHOPS_CONFIG: it must hold a JSON object: "),
        ("LITHOPS_CONFIG", "[1]", r"^environment variable LITHOPS_CONFIG: it must be a dict of sections, got list"),
        ("LITHOPS_CONFIG", '{"lithops": 5}', r"LITHOPS_CONFIG: section 'lithops' must be a dict of settings"),
        ("LITHOPS_CONFIG_FILE", "a: [", r"^Lithops configuration file .*broken.yaml: it can't be read as YAML"),
        ("LITHOPS_CONFIG_FILE", "text", r"broken.yaml: it must be a dict of sections, got str"),
        ("LITHOPS_CONFIG_FILE", None, r"broken.yaml: there is no such file, but LITHOPS_CONFIG_FILE names it"),
    ],
)
def test_a_broken_file_of_lithops(
    variable: str, content: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable == "LITHOPS_CONFIG":
        monkeypatch.setenv(variable, str(content))
    else:
        monkeypatch.setenv(variable, "broken.yaml")
        if content is not None:
            Path("broken.yaml").write_text(content)
    with pytest.raises(ConfigurationError, match=expected):
        resolve_config()


def test_an_empty_file_of_lithops_is_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".lithops_config").touch()

    assert resolve_config()["lithops"]["backend"] == "localhost"


# -- merging ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("libraries")
def test_sections_are_merged_key_by_key() -> None:
    base = backend_config("aws_lambda")
    base["aws_lambda"]["vpc"] = {"subnets": ["s"], "security_groups": ["g"]}
    over = {"aws_lambda": {"runtime_memory": 512, "vpc": {"subnets": ["other"]}}, "aws": {"region": "eu-west-3"}}
    config = resolve_config(base, over, {"runtime_memory": 1024})

    assert config["aws_lambda"]["execution_role"] == "arn:role"
    assert config["aws_lambda"]["vpc"] == {"subnets": ["other"], "security_groups": ["g"]}
    assert config["aws_lambda"]["runtime_memory"] == 1024
    assert config["aws_lambda"]["region"] == config["aws_s3"]["region"] == "eu-west-3"


@pytest.mark.usefixtures("libraries")
def test_nothing_given_is_changed() -> None:
    base, over = backend_config("aws_lambda"), {"aws_lambda": {"user_tags": {"a": "b"}}}
    arguments = {"runtime_memory": 512, "workers": 3, "backend": None}
    before = copy.deepcopy([base, over, arguments])
    config = resolve_config(base, over, arguments)
    config["aws_lambda"]["user_tags"]["c"] = "d"
    config["aws"]["region"] = "elsewhere"

    assert [base, over, arguments] == before


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(
    ("below", "above", "backend"),
    [
        ({"mode": "localhost"}, {"backend": "k8s", "storage": "minio"}, "k8s"),
        ({"backend": "k8s", "storage": "minio"}, {"mode": "localhost"}, "localhost"),
        ({"backend": "k8s", "mode": "serverless"}, {"backend": "localhost"}, "localhost"),
        ({"backend": "localhost"}, {"mode": "serverless", "backend": "k8s", "storage": "minio"}, "k8s"),
    ],
)
def test_backend_and_mode_replace_each_other(below: dict[str, Any], above: dict[str, Any], backend: str) -> None:
    in_config = resolve_config({"lithops": below, **MINIO}, {"lithops": above})
    as_argument = resolve_config({"lithops": below, **MINIO}, None, above)

    assert in_config["lithops"]["backend"] == as_argument["lithops"]["backend"] == backend


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(
    ("config", "backend"),
    [
        ({"localhost": {}}, "localhost"),
        ({"minio": S3}, "localhost"),
        ({"lithops": {"storage": "minio"}, **MINIO}, "localhost"),
        ({"lithops": {"mode": "localhost"}, "aws": AWS}, "localhost"),
        ({"aws": AWS, "aws_lambda": {"execution_role": "arn"}}, "aws_lambda"),
        ({"aws_lambda": {"execution_role": "arn", "region": "eu-west-1"}}, "aws_lambda"),
        ({"lithops": {"mode": "standalone"}, "aws": AWS, "aws_ec2": {"instance_role": "r"}}, "aws_ec2"),
        ({"lithops": {"mode": "serverless", "storage": "minio"}, "serverless": {"backend": "k8s"}, **MINIO}, "k8s"),
    ],
)
def test_the_backend_that_is_meant(config: dict[str, Any], backend: str) -> None:
    assert resolve_config(config)["lithops"]["backend"] == backend


def test_empty_sections_count_as_absent() -> None:
    config = resolve_config({"lithops": {"storage": "localhost"}, "aws": None, "k8s": None})

    assert config["lithops"]["backend"] == "localhost"
    assert "aws" not in config


# -- arguments -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(
    ("backend", "key"), [("localhost", "worker_processes"), ("aws_lambda", "max_workers"), ("k8s", "max_workers")]
)
def test_workers(backend: str, key: str) -> None:
    config = resolve_config(backend_config(backend), None, {"workers": "3"})

    assert config[backend][key] == 3


@pytest.mark.usefixtures("libraries")
def test_workers_of_aws_batch_are_a_limit_within_its_environment() -> None:
    # It has 10 CPUs, 0.5 for each worker.
    assert resolve_config(backend_config("aws_batch"), None, {"workers": 7})["aws_batch"]["max_workers"] == 7
    assert resolve_config(backend_config("aws_batch"), None, {"workers": 70})["aws_batch"]["max_workers"] == 20


@pytest.mark.usefixtures("libraries")
def test_arguments_go_where_lithops_looks_for_them() -> None:
    arguments = {
        **{"backend": "aws_lambda", "storage": "aws_s3", "mode": None, "monitoring": "rabbitmq"},
        **{"runtime": "image", "runtime_memory": 512, "runtime_timeout": 60},
        **{"remote_invoker": True, "invoke_pool_threads": 5},
    }
    sections = {**COMPUTE["aws_lambda"][1], "rabbitmq": {"amqp_url": "amqp://u:p@127.0.0.1"}}
    config = resolve_config({"lithops": {"backend": "localhost"}, **sections}, None, arguments)

    assert (
        config["lithops"] | {"backend": "aws_lambda", "storage": "aws_s3", "monitoring": "rabbitmq"}
        == (config["lithops"])
    )
    for key in ("runtime", "runtime_memory", "runtime_timeout", "remote_invoker", "invoke_pool_threads"):
        assert config["aws_lambda"][key] == arguments[key]


def test_numbers_may_be_text() -> None:
    given = {"lithops": {"execution_timeout": "60", "monitoring_interval": "0.5", "chunksize": 0}}
    config = resolve_config({**given, "localhost": {"worker_processes": "3"}}, None, {"runtime_memory": "256"})

    assert config["lithops"]["execution_timeout"] == 60
    assert config["lithops"]["monitoring_interval"] == 0.5
    assert config["lithops"]["chunksize"] == 0
    assert config["localhost"]["worker_processes"] == 3
    assert config["localhost"]["runtime_memory"] == 256


# -- what this package sets ------------------------------------------------------------------------------------


def test_localhost_runs_detached_with_this_interpreter() -> None:
    config = resolve_config()

    assert config["localhost"]["version"] == 1
    assert config["localhost"]["runtime"] == sys.executable
    assert os.path.isabs(config["localhost"]["runtime"])


@pytest.mark.parametrize(
    ("config", "arguments"), [({"localhost": {"runtime": "python3"}}, {}), ({}, {"runtime": "python3"})]
)
def test_localhost_keeps_a_runtime_that_the_user_names(config: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert resolve_config(config, None, arguments)["localhost"]["runtime"] == "python3"


def test_localhost_version_2_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve_config({"localhost": {"version": 2}})["localhost"]["version"] == 1
    assert "localhost.version is 2: 1 is used" in caplog.text


def test_jobs_outlive_the_process_that_sends_them() -> None:
    assert resolve_config({"lithops": {"data_cleaner": True}})["lithops"]["data_cleaner"] is False


def test_data_has_no_limit_unless_the_user_sets_one() -> None:
    assert resolve_config()["lithops"]["data_limit"] is False
    assert resolve_config({"lithops": {"data_limit": 8}})["lithops"]["data_limit"] == 8


def test_lithops_leaves_logging_alone() -> None:
    given = {"log_level": "DEBUG", "log_format": "x", "log_stream": "ext://sys.stdout", "log_filename": "f"}
    handlers, level = list(logging.getLogger("lithops").handlers), logging.getLogger("lithops").level
    config = resolve_config({"lithops": given})

    assert config["lithops"]["log_level"] is None
    assert config["lithops"].keys().isdisjoint(given.keys() - {"log_level"})
    assert (logging.getLogger("lithops").handlers, logging.getLogger("lithops").level) == (handlers, level)


def test_the_log_says_where_the_configuration_is_from(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    resolve_config({"localhost": {}}, {"localhost": {}}, source=SOURCE)

    assert f"from {SOURCE} with lithops_config: backend localhost, storage localhost" in caplog.text


# -- errors ----------------------------------------------------------------------------------------------------


def named(backend: str | None = None, **lithops: Any) -> dict[str, Any]:
    return {"lithops": {"backend": backend, **lithops} if backend else lithops}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ([1], r"it must be a dict of sections, got list$"),
        ({"aws": "text"}, r"section 'aws' must be a dict of settings, got str\. JSON in a string"),
        ({"aws": ["region"]}, r"section 'aws' must be a dict of settings, got list$"),
        ({"awss": {}}, r"Lithops knows no section 'awss'; did you mean aws or .*One of: lithops, localhost, "),
        ({"backend": "k8s"}, r"Lithops knows no section 'backend'"),
        ({"lithops": {"backned": "k8s"}}, r"lithops\.backned is no setting of Lithops; did you mean backend\?"),
        (named("aws_lamda"), r"lithops\.backend: Lithops has no backend 'aws_lamda'; did you mean aws_lambda"),
        (named("aws_lamda"), r"One of: localhost, ibm_cf, .*, vm$"),
        (named(mode="serverles"), r"lithops\.mode: Lithops has no mode 'serverles'; did you mean serverless"),
        (named("k8s", mode="localhost"), r"lithops\.mode is 'localhost', but .* is 'k8s', which is serverless"),
        (named(storage="s3"), r"lithops\.storage: Lithops has no storage 's3'; did you mean .*aws_s3"),
        (named("k8s", storage="localhost"), r"lithops\.storage is 'localhost', which backend 'k8s' can't reach"),
        (named("k8s"), r"lithops\.storage is missing; backend 'k8s' needs one of: aliyun_oss, aws_s3, "),
        (named(monitoring="rabbit"), r"lithops\.monitoring: Lithops has no monitoring 'rabbit'; did .* rabbitmq"),
        (named(monitoring="rabbitmq"), r"monitoring 'rabbitmq': 'rabbitmq' section is mandatory"),
        (named(telemetry="prometeus"), r"lithops\.telemetry: Lithops has no telemetry 'prometeus'; did .* prometheus"),
        ({"k8s": {}}, r"lithops\.backend is missing, and there is a section 'k8s'"),
        (named(execution_timeout="soon"), r"lithops\.execution_timeout must be a whole number above 0, got 'soon'"),
        (named(monitoring_interval=0), r"lithops\.monitoring_interval must be a number above 0, got 0"),
        (named(monitoring_interval=10**400), r"lithops\.monitoring_interval must be a number above 0, got 1000"),
        ({"localhost": {"worker_processes": 1.5}}, r"localhost\.worker_processes must be a whole number .* got 1\.5"),
        ({"localhost": {"worker_processes": True}}, r"localhost\.worker_processes must be .*, got True"),
        ({"localhost": {"max_workers": [1]}}, r"localhost\.max_workers must be a whole number above 0, got \[1\]"),
        (named(monitoring_interval="nan"), r"lithops\.monitoring_interval must be a number above 0, got 'nan'"),
        ({**named(storage="minio"), "minio": {**S3, "endpoint": 5}}, r"storage 'minio': a setting has the wrong type"),
        ({**named(storage="minio"), "minio": {**S3, "endpoint": "h"}}, r"endpoint must start with http"),
    ],
)
@pytest.mark.usefixtures("libraries")
def test_a_wrong_configuration(config: Any, expected: str) -> None:
    for number, arguments in enumerate([(config,), ({"localhost": {}}, config)]):
        with pytest.raises(ConfigurationError, match=expected) as error:
            resolve_config(*arguments, source=SOURCE)

        assert ["connection 'lithops_default'", "lithops_config"][number] in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"backend": "lambda"}, r"^argument 'backend': Lithops has no backend 'lambda'; did you mean aws_lambda"),
        ({"storage": "s3"}, r"^argument 'storage': Lithops has no storage 's3'"),
        ({"mode": "local"}, r"^argument 'mode': Lithops has no mode 'local'; did you mean localhost"),
        ({"mode": "serverless", "backend": "localhost"}, r"^argument 'mode' is 'serverless', but argument 'backend'"),
        ({"monitoring": "mq"}, r"^argument 'monitoring': Lithops has no monitoring 'mq'"),
        ({"workers": 0}, r"^argument 'workers' must be a whole number above 0, got 0"),
        ({"workers": "many"}, r"^argument 'workers' must be a whole number above 0, got 'many'"),
        ({"runtime_memory": "1G"}, r"^argument 'runtime_memory' must be a whole number above 0, got '1G'"),
        ({"invoke_pool_threads": -1}, r"^argument 'invoke_pool_threads' must be a whole number above 0, got -1"),
        ({"wokers": 1}, r"^'wokers' is no setting of Lithops; did you mean workers"),
    ],
)
def test_a_wrong_argument(arguments: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        resolve_config({"localhost": {}}, None, arguments, source=SOURCE)


def test_a_wrong_configuration_is_wrong_input() -> None:
    assert issubclass(ConfigurationError, InvalidInputError)
