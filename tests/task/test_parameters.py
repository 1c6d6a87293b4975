"""Parameters of operators that are wrong, None, or results of other tasks."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.definitions.xcom_arg import XComArg

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators import LithopsMapOperator

OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("workers", {"workers": 0}, "workers must be an int, at least 1; got 0"),
    ("max_concurrency", {"max_concurrency": 0}, "max_concurrency must be an int, at least 1; got 0"),
    (
        "invoke_pool_threads",
        {"invoke_pool_threads": "two"},
        "invoke_pool_threads must be an int, at least 1; got 'two'",
    ),
    ("job_timeout", {"job_timeout": -1}, "job_timeout must be a number, greater than 0; got -1"),
    ("poll_interval", {"poll_interval": 0}, "poll_interval must be a number, greater than 0; got 0"),
    ("runtime_memory", {"runtime_memory": "much"}, "runtime_memory must be an int, greater than 0; got 'much'"),
    ("max_runtime_memory", {"max_runtime_memory": 0}, "max_runtime_memory must be an int, greater than 0; got 0"),
    ("batch_size", {"batch_size": 1.5}, 'batch_size must be "auto" or a number of items, at least 1; got 1.5'),
    ("batch_size", {"batch_size": True}, 'batch_size must be "auto" or a number of items, at least 1; got True'),
    ("batch_size", {"batch_size": "9" * 5_000}, 'batch_size must be "auto" or a number of items, at least 1; got '),
    ("batch_size", {"batch_size": "\u00b2"}, 'batch_size must be "auto" or a number of items, at least 1; got '),
    ("timeout", {"timeout": "soon"}, "timeout must be a number, greater than 0; got 'soon'"),
    ("item_retries", {"item_retries": 1.5}, "item_retries must be an int, at least 0; got 1.5"),
    ("extra_env", {"extra_env": ["A=1"]}, "extra_env must be a dict, got list"),
    ("extra_env", {"extra_env": {"A": None}}, "extra_env['A'] is None; leave it out, or give an empty str"),
    ("extra_env", {"extra_env": {"A=B": 1}}, "'A=B' can't be the name of an environment variable"),
    ("extra_env", {"extra_env": {"A\0": "b"}}, r"'A\x00' can't be the name of an environment variable"),
    ("extra_env", {"extra_env": {"A": "b\0"}}, "extra_env['A'] has characters that no environment variable can have"),
    ("extra_env", {"extra_env": {"A": "\ud800"}}, "extra_env['A'] has characters that no environment variable"),
    ("timeout", {"timeout": 10**400}, "timeout must be a number, greater than 0, at most 1e+09; got 1000"),
    ("timeout", {"timeout": 2e9}, "timeout must be a number, greater than 0, at most 1e+09; got 2000000000.0"),
    ("job_timeout", {"job_timeout": "inf"}, "job_timeout must be a number, greater than 0, at most 1e+09; got 'inf'"),
    ("poll_interval", {"poll_interval": 10**400}, "poll_interval must be a number, greater than 0, at most 1e+09"),
    ("runtime_memory", {"runtime_memory": 10**400}, "runtime_memory must be an int, greater than 0, at most 9.0"),
    ("include_modules", {"include_modules": "numpy"}, "include_modules must be a list of names of modules"),
    *[
        ("requirements", {"requirements": value}, "requirements must be a list of str as pip takes them")
        for value in ("pandas", [], [1], ["--index-url=elsewhere"], ["a\n--pre"], [" "], {"pandas": 2})
    ],
    ("exclude_modules", {"exclude_modules": [1]}, "exclude_modules must be a list of names of modules"),
    (
        "rabbitmq",
        {"rabbitmq_monitor": True, "monitoring": "redis"},
        "rabbitmq_monitor and monitoring='redis' contradict",
    ),
]


@pytest.mark.parametrize(("name", "given", "says"), OPTIONS, ids=[f"{row[0]}-{row[1]}"[:80] for row in OPTIONS])
def test_bad_option(name: str, given: dict[str, Any], says: str) -> None:
    """Without a task: they are read in the same place as those above."""
    operator = LithopsMapOperator(task_id="map", map_function=abs, map_iterdata=[1], **given)
    with pytest.raises(InvalidInputError) as raised:
        [operator.settings(), operator.options("map"), operator.hook_arguments()]
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["min_success_ratio", "item_retries"])
def test_none_where_there_is_a_default(name: str) -> None:
    """A template may well give it: it is either an error or the default."""
    default = LithopsMapOperator(task_id="map", map_function=abs, map_iterdata=[1]).settings()
    given: dict[str, Any] = {name: None}
    try:
        settings = LithopsMapOperator(task_id="map", map_function=abs, map_iterdata=[1], **given).settings()
    except InvalidInputError as error:
        assert name in str(error)  # noqa: PT017 - not having raised is as good
    else:
        assert settings == default


# -- results of other tasks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [lambda result: result, lambda result: [1, {"a": result}]], ids=["alone", "inside"])
@pytest.mark.parametrize("field", LithopsMapOperator.template_fields)
def test_a_task_comes_after_those_whose_results_it_is_given(field: str, inside: Any) -> None:
    with DAG("upstream"):

        @task
        def before() -> int:
            return 1

        given = {"map_function": abs, "map_iterdata": [1], field: inside(before())}
        operator = LithopsMapOperator(task_id="map", **given)

    assert operator.upstream_task_ids == {"before"}


def test_only_parameters_with_more_than_plain_values_are_searched_for_results(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[object] = []
    monkeypatch.setattr(XComArg, "apply_upstream_relationship", lambda operator, value: searched.append(value))

    LithopsMapOperator(task_id="map", map_function=abs, map_iterdata=[1], runtime="python", runtime_memory=256)

    assert searched == [[1]]
