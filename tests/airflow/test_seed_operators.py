"""The rows of the three operators' tables, and the original's first example workflow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.seed import LINES, Storage, executor_ids, messages, result
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until


class Runs(dict[str, DagRun]):
    """The runs by the name of their DAG, without ``seed_``."""


def start_runs(airflow: AirflowStack, folder: Path) -> dict[str, DagRun]:
    Storage.of(airflow).put_lines()
    names = ("call", "map", "map_reduce", "workflow", "faas")
    return {name: airflow.api.trigger(f"seed_{name}") for name in names}


@pytest.fixture(scope="module")
def runs(started: dict[str, DagRun]) -> Runs:
    """One run of each DAG."""
    return Runs({name: run.wait(check=False) for name, run in started.items()})


def chunks(read: list[Any]) -> list[list[int]]:
    """Check that the chunks make up the objects, line by line; return the numbers of lines by object and chunk."""
    for key, lines in LINES.items():
        assert [line for name, _, part in read if name == key for line in part] == lines
        assert [part for name, part, _ in read if name == key] == list(range(1, 1 + sum(k == key for k, *_ in read)))
    return [[len(part) for name, _, part in read if name == key] for key in LINES]


# LithopsCallAsyncOperator


def test_call_func_is_required() -> None:
    from lithops_provider.operators import LithopsCallAsyncOperator

    with pytest.raises(TypeError, match="func"):
        LithopsCallAsyncOperator(task_id="call")  # type: ignore[call-arg]


def test_call_data(runs: Runs) -> None:
    assert result(runs["call"], "add_task_1") == 4


def test_call_data_from_task(runs: Runs) -> None:
    assert result(runs["call"], "add_task_2") == 8


# LithopsMapOperator


def test_map_function_is_required() -> None:
    from lithops_provider.operators import LithopsMapOperator

    with pytest.raises(TypeError, match="map_function"):
        LithopsMapOperator(task_id="map", map_iterdata=[1])  # type: ignore[call-arg]


def test_map_iterdata(runs: Runs) -> None:
    assert result(runs["map"], "example") == [2, 3, 4]


def test_map_iterdata_generator(runs: Runs) -> None:
    assert result(runs["map"], "generator") == [11, 12, 13]


def test_a_generator_does_not_change_its_dag(runs: Runs, airflow: AirflowStack) -> None:
    """Its text has an address, another one each time the file is parsed: that must not make another version."""
    assert runs["map"].rendered("generator")["map_iterdata"] == "<generator>"
    dag = airflow.api.get("/dags/seed_map")
    airflow.api.request("PUT", f"/parseDagFile/{dag['file_token']}")
    wait_until(lambda: airflow.api.get("/dags/seed_map")["last_parsed_time"] != dag["last_parsed_time"])
    versions = airflow.api.get("/dags/seed_map/dagVersions")["dag_versions"]
    assert [version["version_number"] for version in versions] == [1]


def test_map_iterdata_from_task(runs: Runs) -> None:
    assert result(runs["map"], "from_task") == [6, 7, 8]


def test_extra_params(runs: Runs) -> None:
    """The original's example: plain Lithops raises a TypeError."""
    assert result(runs["map"], "example") == [2, 3, 4]


def test_extra_args(runs: Runs) -> None:
    assert result(runs["map"], "from_task") == [6, 7, 8]


def test_extra_args_positional(runs: Runs) -> None:
    assert result(runs["map"], "generator") == [11, 12, 13]


def test_chunk_size(runs: Runs) -> None:
    """200 bytes are 33 lines and 2 bytes: the line that a chunk ends in is its own."""
    assert chunks(result(runs["map"], "chunk_size")) == [[34, 33, 33], [34, 16]]


def test_obj_chunk_size(runs: Runs) -> None:
    assert [count for _, count, _ in result(runs["map_reduce"], "reducer_one_per_object")] == [3, 2]


def test_obj_chunk_number(runs: Runs) -> None:
    assert [count for _, count, _ in result(runs["map_reduce"], "obj_reduce_by_key")] == [2, 2]


def test_remote_invocation(runs: Runs) -> None:
    """One invocation is sent, of a function that invokes the others."""
    run = runs["faas"]
    assert result(run, "remote") == [2, 3]
    assert len(messages(run.log("remote"), "invoked ")) == 1
    assert messages(run.log("remote"), "invoked an invoker of all calls")


def test_invoke_pool_threads(runs: Runs) -> None:
    """Two threads send the three calls."""
    run = runs["faas"]
    lines = messages(run.log("memory"), "invoked 1 call(s) of add")
    assert len(lines) == 3
    assert len({line.split(" by ")[1].split()[0] for line in lines}) == 2


# LithopsMapReduceOperator


def test_reduce_function(runs: Runs) -> None:
    assert result(runs["map_reduce"], "example") == 24


def test_map_runtime_memory(runs: Runs) -> None:
    assert result(runs["faas"], "memory") == 2 + 3 + 4
    assert len(messages(runs["faas"].log("memory"), "invoked 1 call(s) of add with 512 MB")) == 3


def test_reduce_runtime_memory(runs: Runs) -> None:
    assert len(messages(runs["faas"].log("memory"), "invoked 1 call(s) of total with 1024 MB")) == 1


def test_runtime_memory(runs: Runs) -> None:
    assert messages(runs["faas"].log("remote"), "invoked an invoker", "with 384 MB")


@pytest.mark.parametrize("name", ["reducer_one_per_object", "obj_reduce_by_key"])
def test_reducer_one_per_object(runs: Runs, name: str) -> None:
    reduced = result(runs["map_reduce"], name)
    assert [(keys, lines) for keys, _, lines in reduced] == [(["lines/a.txt"], 100), (["lines/b.txt"], 50)]
    assert messages(runs["map_reduce"].log(name), "Sent 2 item(s) of group")


def test_reducer_wait_local(runs: Runs) -> None:
    """With it or without, the reduce is sent when the map is done."""
    for dag, task_id, done in (("map_reduce", "example", "3/3"), ("workflow", "map_reduce_task", "5/5")):
        log = runs[dag].log(task_id)
        assert log.index(f"{done} items done") < log.index("of product in 1 call(s)")
        assert len(executor_ids(log)) == 2


# Example workflow, in whose fields are the original's misspelt names: iterdata_form_task, reduce_funtion


def test_example_workflow(runs: Runs) -> None:
    run = runs["workflow"]
    number, numbers = result(run, "gen_num"), result(run, "gen_list")
    assert result(run, "add_num") == number + 10
    assert result(run, "map_task") == [entry + 10 for entry in numbers]
    assert result(run, "map_reduce_task") == math.prod(entry + 10 for entry in numbers)


def test_all_runs_succeed(runs: Runs) -> None:
    assert {name: run.state for name, run in runs.items()} == dict.fromkeys(runs, "success")


@pytest.mark.thorough
def test_more_ways_of_writing_it(airflow: AirflowStack, run_dag: RunDag) -> None:
    Storage.of(airflow).put_lines()
    run = run_dag("seed_more")
    assert result(run, "positional") == 4
    assert result(run, "form_task") == [2, 3, 4]
    assert chunks(result(run, "path")) == [[100], [50]]
    assert chunks(result(run, "chunk_n")) == [[50, 50], [25, 25]]
    # On localhost one process starts all calls, so there is nothing to invoke from elsewhere: accepted, no effect.
    assert result(run, "sending") == [2, 3, 4]
    assert messages(run.log("sending"), "Sent 3 item(s) of add_here in 3 call(s)")
