"""Templated fields, mapped tasks, and big inputs, under a real scheduler."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.seed import job_of, messages, result
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

#: Characters that a rendered field may have (core.max_templated_field_length), with what truncation adds.
FIELD = 5_000


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    return {name: airflow.api.trigger(f"seed_{name}", {"extra": 7}) for name in ("fields", "big")}


@pytest.fixture(scope="module")
def runs(started: dict[str, DagRun]) -> dict[str, DagRun]:
    return {name: run.wait(check=False) for name, run in started.items()}


def test_templated_fields(runs: dict[str, DagRun]) -> None:
    """The function sees what came of them."""
    run = runs["fields"]
    assert result(run, "map") == [[item, "7", run.run_id, f"{sys.executable}3"] for item in (1, 2, 3)]
    log = run.log("map")
    assert messages(log, "Sent 3 item(s) of report in 2 call(s)")


def test_templated_fields_are_shown_rendered(runs: dict[str, DagRun]) -> None:
    run = runs["fields"]
    shown = run.rendered("map")
    expected: dict[str, Any] = {
        "map_iterdata": [1, 2, 3],
        "extra_args": {"y": "7"},
        "extra_env": {"SEED_RUN": run.run_id},
        "lithops_config": {"lithops": {"execution_timeout": "67"}},
        "lithops_conn_id": "lithops_default",
        **{"async_invoke": "False", "get_result": "True", "clean_data": "False"},
        "backend": "localhost",
        "storage": "localhost",
        "runtime": f"{sys.executable}3",
        **{"workers": "2", "runtime_memory": "512", "timeout": "3000", "batch_size": "2", "max_concurrency": "2"},
        **{"min_success_ratio": "0.5", "item_retries": "0", "job_timeout": "3600"},
    }
    assert {name: shown[name] for name in expected} == expected


def test_templated_fields_of_a_map_reduce(runs: dict[str, DagRun]) -> None:
    run = runs["fields"]
    assert result(run, "map_reduce") == 2 + 3 + 4 + 100
    shown = run.rendered("map_reduce")
    assert shown["iterdata_from_task"] == "gen_list"
    assert (shown["map_runtime_memory"], shown["reduce_runtime_memory"]) == ("512", "1024")


def test_output_of_a_task_as_data(runs: dict[str, DagRun]) -> None:
    assert result(runs["fields"], "call") == 109 + 2


def test_a_mapped_map(runs: dict[str, DagRun]) -> None:
    assert runs["fields"].xcom("mapped_map", map_index=0) == [11, 12]


def test_a_mapped_call(runs: dict[str, DagRun]) -> None:
    run = runs["fields"]
    assert [run.xcom("mapped_call", map_index=index) for index in range(2)] == [3, 7]


@pytest.mark.parametrize("task_id", ["from_mapped", "mapped_output"])
def test_a_mapped_task_gives_the_items(runs: dict[str, DagRun], task_id: str) -> None:
    assert result(runs["fields"], task_id) == [4, 8]


def test_big_inputs_are_not_stored(runs: dict[str, DagRun], airflow: AirflowStack) -> None:
    run = runs["big"]
    assert job_of(run, "range")["items"] == 100_000
    assert result(run, "list") == sum(range(100_000))
    for task_id in ("range", "list"):
        assert len(json.dumps(run.rendered(task_id))) < FIELD
        assert len(run.log(task_id)) < 20_000
    with closing(sqlite3.connect(f"file:{airflow.home / 'airflow.db'}?mode=ro", uri=True)) as database:
        (size,) = database.execute("SELECT length(data) FROM serialized_dag WHERE dag_id = 'seed_big'").fetchone()
    assert size < 5 * FIELD


def test_all_tasks_succeed(runs: dict[str, DagRun]) -> None:
    tasks = [task for run in runs.values() for task in run.tasks()]
    assert [task["task_id"] for task in tasks if task["state"] != "success"] == []
