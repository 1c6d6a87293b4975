"""What functions on this machine get of the environment."""

from __future__ import annotations

import os
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping

import pytest

from lithops_provider.jobs.adapter.environment import environment_of_functions, environment_of_tasks
from tests.jobs.conftest import MapStarter

#: What a worker of the official Helm chart has, and a task of it.
WORKERS = {
    "PATH": "/usr/bin",
    "PYTHONPATH": "/opt/airflow",
    "AWS_PROFILE": "team",
    "AIRFLOW_HOME": "/opt/airflow",
    "AIRFLOW__CORE__DAGS_FOLDER": "/opt/airflow/dags",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://api:8080/execution/",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "LITHOPS_CONFIG_FILE": "/opt/lithops.yaml",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///"),
        ("AIRFLOW__CORE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", "postgresql+asyncpg://u:p@db/airflow"),
        ("__AIRFLOW_SUPERVISOR_FD", "7"),
        ("_AIRFLOW__REEXECUTED_PROCESS", "1"),
        ("_AIRFLOW__STARTUP_MSG", '{"token": "s3cret"}'),
        ("_AIRFLOW_PROCESS_CONTEXT", "client"),
        ("_AIRFLOW_FORK_EXEC", "1"),
        ("AIRFLOW_CTX_DAG_ID", "other"),
        ("AIRFLOW__API_AUTH__JWT_SECRET", "s3cret"),
        ("AIRFLOW__API_AUTH__JWT_SECRET_CMD", "cat /run/jwt"),
        ("AIRFLOW__API_AUTH__JWT_PRIVATE_KEY_PATH", "/run/key.pem"),
        ("AIRFLOW__CORE__FERNET_KEY", "s3cret"),
        ("AIRFLOW__CORE__FERNET_KEY_SECRET", "fernet"),
        ("AIRFLOW__API__SECRET_KEY", "s3cret"),
        ("AIRFLOW__CELERY__BROKER_URL", "redis://redis:6379"),
        ("AIRFLOW__CELERY__RESULT_BACKEND", "db+postgresql://db"),
        ("AIRFLOW__SECRETS__BACKEND", "vault.VaultBackend"),
        ("AIRFLOW__SECRETS__BACKEND_KWARGS", '{"token": "s3cret"}'),
        ("AIRFLOW__OPENLINEAGE__TRANSPORT", '{"auth": {"apiKey": "s3cret"}}'),
        ("AIRFLOW__ELASTICSEARCH__HOST", "https://elastic:s3cret@search:9200"),
        ("AIRFLOW_CONN_PRODUCTION", "postgresql://u:p@db"),
        ("AIRFLOW_VAR_API_KEY", "s3cret"),
        ("AIRFLOW__TEAM_A___CELERY__BROKER_URL", "redis://redis:6379"),
    ],
)
def test_what_is_airflows_own_stays_behind(name: str, value: str) -> None:
    assert environment_of_functions({**WORKERS, name: value}) == WORKERS


class Unsetting(UserDict[str, str]):
    """Variables that are listed as those of `os.environ` are, while another thread unsets one."""

    def __iter__(self) -> Iterator[str]:
        names = list(self.data)
        self.data.pop("UNSET", None)
        return iter(names)


@pytest.mark.parametrize("variables_of", [environment_of_functions, environment_of_tasks])
def test_a_variable_that_another_thread_unsets_meanwhile_is_left_out(
    variables_of: Callable[[Mapping[str, str]], dict[str, str]],
) -> None:
    assert variables_of(Unsetting({"UNSET": "1", **WORKERS})) == WORKERS


def test_tasks_of_airflow_get_its_connections_but_not_what_its_servers_keep() -> None:
    theirs = {"AIRFLOW_CONN_PRODUCTION": "postgresql://u:p@db", "AIRFLOW__SECRETS__BACKEND_KWARGS": '{"token": "t"}'}
    servers = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://u:p@db/airflow",
        "AIRFLOW__API_AUTH__JWT_SECRET": "s3cret",
        "AIRFLOW__API__SECRET_KEY": "s3cret",
        "AIRFLOW__CORE__FERNET_KEY": "s3cret",
        "AIRFLOW__CELERY__BROKER_URL": "redis://redis:6379",
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    assert environment_of_tasks({**WORKERS, **theirs, **servers}) == {**WORKERS, **theirs}


def test_every_setting_that_airflow_calls_sensitive_stays_behind() -> None:
    from airflow.configuration import conf

    names = [
        f"AIRFLOW__{section}__{option}{form}".upper()
        for section, option in conf.sensitive_config_values
        for form in ("", "_cmd", "_secret")
    ]
    assert len(names) > 30
    assert environment_of_functions(dict.fromkeys(names, "s3cret")) == {}


def test_functions_get_it_so(run_map: MapStarter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "s3cret")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    monkeypatch.setenv("OF_THE_USER", "yes")

    def found(name: str) -> str | None:
        return os.environ.get(name)

    names = [
        "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__LOAD_EXAMPLES",
        "OF_THE_USER",
    ]  # fmt: skip
    assert run_map(found, names).results() == [None, None, "False", "yes"]
    asked = run_map(found, names, extra_env={"AIRFLOW__CORE__FERNET_KEY": "given"})
    assert asked.results() == ["given", None, "False", "yes"]
