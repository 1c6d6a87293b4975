"""The executor's configuration and what a task says about it: checked whole, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.connection.settings import ConnectionSettings
from lithops_provider.executors.settings import MOST_CALLS, SECTION, CallOptions, ExecutorSettings
from lithops_provider.get_provider_info import get_provider_info
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError


def read(**options: str) -> ExecutorSettings:
    return ExecutorSettings.read(options.get)


def test_an_empty_section_is_what_the_provider_says() -> None:
    declared = get_provider_info()["config"][SECTION]["options"]
    asked: list[str] = []

    def get(name: str) -> str | None:
        asked.append(name)
        default = declared[name]["default"]
        return None if default is None else str(default)

    assert ExecutorSettings.read(get) == ExecutorSettings() == read()
    assert sorted(asked) == sorted(declared)


def test_every_option_is_read() -> None:
    found = read(
        lithops_conn_id="cloud",
        runtime="me/airflow",
        runtime_memory="2048",
        task_timeout="900",
        gather_seconds="0",
        poll_interval="0.5",
        execution_api_server_url="https://airflow.example.com/execution/",
    )
    assert found == ExecutorSettings(
        "cloud", CallOptions("me/airflow", 2048, 900.0), 0.0, 0.5, "https://airflow.example.com/execution/"
    )
    assert found.connection(found.options) == ConnectionSettings(
        "cloud",
        {"localhost": {"worker_processes": MOST_CALLS}},
        {"runtime": "me/airflow", "runtime_memory": 2048},
    )


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("runtime_memory", "much", "a number of MB above 0, got 'much'"),
        ("runtime_memory", "0.5", "a number of MB above 0, got '0.5'"),
        ("runtime_memory", "0", "a number of MB above 0, got '0'"),
        ("task_timeout", "-1", "a number of seconds above 0 and at most 604800, got '-1'"),
        ("task_timeout", "an hour", "a number of seconds above 0 and at most 604800, got 'an hour'"),
        ("task_timeout", "1e9", "at most 604800, got '1e9'"),
        ("task_timeout", "nan", "a number of seconds above 0"),
        ("gather_seconds", "-0.1", "a number of seconds of at least 0"),
        ("poll_interval", "0", "a number of seconds above 0"),
        ("execution_api_server_url", "airflow.example.com", "must begin with http:// or https://"),
    ],
)
def test_a_wrong_option_is_named(option: str, value: str, wanted: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(**{option: value})
    assert str(error.value).startswith(f"[lithops_executor] {option} must ")
    assert wanted in str(error.value)


def test_a_task_says_what_differs() -> None:
    configured = CallOptions("all", 512, 100.0)
    config = {"runtime": "mine", "timeout": 60, "environment": {"B": "2", "A": "1"}}
    assert configured.with_executor_config(config) == CallOptions("mine", 512, 60.0, (("A", "1"), ("B", "2")))
    assert configured.with_executor_config({"runtime_memory": 1024}) == CallOptions("all", 1024, 100.0)
    assert configured.with_executor_config(None) == configured.with_executor_config({}) == configured


def test_tasks_that_say_the_same_can_go_as_one_job() -> None:
    first = CallOptions().with_executor_config({"environment": {"A": "1", "B": "2"}})
    second = CallOptions().with_executor_config({"environment": {"B": "2", "A": "1"}})
    assert len({first, second}) == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["runtime"], "executor_config must be a dict, got list"),
        ({"pod_override": 1}, "executor_config has 'pod_override', which the LithopsExecutor doesn't know; it knows"),
        ({"runtime": ""}, "runtime must be the name of a runtime, got ''"),
        ({"runtime_memory": "a lot"}, "runtime_memory must be a number of MB above 0, got 'a lot'"),
        ({"runtime_memory": True}, "runtime_memory must be a number of MB above 0, got True"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0 and at most 604800, got 0"),
        ({"timeout": [60]}, "timeout must be a number of seconds above 0 and at most 604800, got [60]"),
        ({"environment": "A=1"}, "environment must be a dict, got str"),
        ({"environment": {"A=": "1"}}, "environment has the name 'A=', which no variable has"),
        ({"environment": {"A": 1}}, "that of 'A' is no text without NUL but of type int"),
    ],
)
def test_what_is_wrong_in_a_task_is_named(given: Any, wanted: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        CallOptions().with_executor_config(given)
    assert wanted in str(error.value)


def test_a_wrong_environment_is_not_shown() -> None:
    with pytest.raises(InvalidInputError) as error:
        CallOptions().with_executor_config({"environment": {"PASSWORD": "s3cret\0"}})
    assert "s3cret" not in str(error.value)
