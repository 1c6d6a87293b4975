"""Lineage, as the real OpenLineage provider extracts it and the real client writes it."""

from __future__ import annotations

import functools
import json
import uuid
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.sdk import Asset
from airflow.utils.state import TaskInstanceState
from openlineage.client.client import OpenLineageClient
from openlineage.client.event_v2 import Dataset, Job, Run, RunEvent, RunState
from openlineage.client.transport.file import FileConfig, FileTransport

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator
from lithops_provider.report.lineage import object_datasets
from tests.airflow_version import needs_airflow
from tests.jobs.made import make_job

STORAGES: dict[str, Any] = {
    "aws_s3": {"lithops": {"storage": "aws_s3"}},
    "gcp_storage": {"lithops": {"storage": "gcp_storage"}},
    "ibm_cos": {"lithops": {"storage": "ibm_cos"}},
    "azure_storage": {"lithops": {"storage": "azure_storage"}, "azure_storage": {"storage_account_name": "acc"}},
}


def count_lines(obj: Any) -> int:
    return len(obj.data_stream.read())


def scaled(x: str) -> str:
    return x


def job(**changes: Any) -> LithopsJob:
    fields = {"executor_id": "0123456789abcdef-0", "backend": "aws_lambda", "storage": "aws_s3", "bucket": "b"}
    return make_job(2, **{**fields, **changes})


def extracted(operator: Any, state: TaskInstanceState, run: LithopsJob | None = None, written: Any = ()) -> Any:
    """What the provider's listener would send."""
    if run is not None:
        operator._task_run = SimpleNamespace(job=run, written=written)
    dag_run = SimpleNamespace(run_id="run")
    found = ExtractorManager().extract_metadata(dag_run, operator, state, SimpleNamespace())
    assert found.job_facets, "the extraction has failed"
    return found


def names(datasets: list[Any]) -> list[tuple[str, str]]:
    return [(dataset.namespace, dataset.name) for dataset in datasets]


@pytest.mark.parametrize(
    ("storage", "path", "dataset"),
    [
        ("aws_s3", "b/dir/", ("s3://b", "dir")),
        ("aws_s3", "b", ("s3://b", "/")),
        ("aws_s3", "b/dir/2026-*.csv", ("s3://b", "dir")),
        ("aws_s3", "gs://b/k", ("gs://b", "k")),
        ("gcp_storage", "b/k", ("gs://b", "k")),
        ("gcp_storage", "s3://b/k", ("s3://b", "k")),
        ("azure_storage", "c/k", ("wasbs://c@acc", "k")),
        ("ibm_cos", "b/k", ("ibm_cos://b", "k")),
        ("ibm_cos", "/data/in", ("file", "/data/in")),
        ("ibm_cos", "https://example.com:8443/a/b?q=secret", ("https://example.com:8443", "/a/b")),
        ("ibm_cos", "https://user:secret@example.com/a", ("https://example.com", "/a")),
    ],
)
def test_objects_have_the_names_that_openlineage_gives_them(storage: str, path: str, dataset: Any) -> None:
    assert names(object_datasets([path], lambda: STORAGES[storage])) == [dataset]


def test_many_objects_are_told_by_prefix() -> None:
    few = [f"s3://b/dir/{number}" for number in range(20)]
    assert len(object_datasets(few, dict)) == 20
    many = [f"s3://b/{number % 3}/{number}" for number in range(10_000)]
    assert names(object_datasets(many, dict)) == [("s3://b", "0"), ("s3://b", "1"), ("s3://b", "2")]
    assert names(object_datasets([f"s3://b/{n}/x" for n in range(10_000)], dict)) == [("s3://b", "/")]


def test_on_start_a_map_tells_what_it_reads_and_its_function() -> None:
    operator = LithopsMapOperator(
        task_id="t", map_function=functools.partial(count_lines), outlets=[Dataset("file", "/out/dir")],
        map_iterdata=["s3://in/a", {"obj": "s3://in/b"}, ("s3://in/c",)],
    )  # fmt: skip
    found = extracted(operator, TaskInstanceState.RUNNING)

    assert names(found.inputs) == [("s3://in", "a"), ("s3://in", "b"), ("s3://in", "c")]
    assert names(found.outputs) == [("file", "/out/dir")]
    assert found.run_facets == {}
    facet = found.job_facets["lithops_function"]
    assert (facet.name, facet.module) == ("count_lines", __name__)
    assert Path(facet.file) == Path(__file__)
    assert Path(__file__).read_text().splitlines()[facet.line - 1].startswith("def count_lines")
    assert found.job_facets["sourceCodeLocation"].url == f"file://{facet.file}#L{facet.line}"


@needs_airflow("3.2", "an OpenLineage provider that knows assets")
def test_assets_are_datasets() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=[1], outlets=[Asset("file:///out/dir")])

    assert names(extracted(operator, TaskInstanceState.RUNNING).outputs) == [("file", "/out/dir")]


def test_on_completion_there_is_the_job_and_what_it_leaves_in_storage() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=[1, 2, 3], get_result=False)
    found = extracted(operator, TaskInstanceState.SUCCESS, job())

    assert found.inputs == []
    assert names(found.outputs) == [("s3://b", "lithops.jobs/0123456789abcdef-0")]
    facet = found.run_facets["lithops_job"]
    assert (facet.executorId, facet.items, facet.calls, facet.rounds) == ("0123456789abcdef-0", 3, 2, 1)
    assert "sourceCodeLocation" not in found.job_facets  # a builtin

    reading = LithopsMapOperator(task_id="u", map_function=abs, map_iterdata=job().to_dict())
    assert names(extracted(reading, TaskInstanceState.SUCCESS, job()).inputs) == names(found.outputs)
    assert extracted(reading, TaskInstanceState.SUCCESS, job()).outputs == []


def test_what_functions_have_written_is_told_by_prefix() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=[1])
    written = [("out", "a/b"), ["out", ""]]

    found = extracted(operator, TaskInstanceState.SUCCESS, job(), written)
    assert names(found.outputs) == [("s3://out", "a/b"), ("s3://out", "/")]


def test_files_of_results_are_a_dataset_with_their_columns() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=[1], results_to="s3://out/a/b/")
    assert extracted(operator, TaskInstanceState.RUNNING).outputs == []

    operator._told_files = {"path": "s3://out/a/b/", "columns": {"x": "int64", "half": "double"}}
    found = extracted(operator, TaskInstanceState.SUCCESS, job(), [("out", "a/b"), ("out", "more")])

    assert names(found.outputs) == [("s3://out", "more"), ("s3://out", "a/b")]  # the functions' own word for it is less
    schema = found.outputs[-1].facets["schema"]
    assert [(field.name, field.type) for field in schema.fields] == [("x", "int64"), ("half", "double")]

    operator._told_files = {"path": "s3://out/a/b/", "columns": None}
    (dataset,) = extracted(operator, TaskInstanceState.SUCCESS, job()).outputs
    assert (dataset.name, dataset.facets) == ("a/b", {})


def test_results_on_this_machine_are_files() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=[1], async_invoke=True)
    ((space, name),) = names(extracted(operator, TaskInstanceState.SUCCESS, job(storage="localhost")).outputs)

    assert space == "file"
    assert Path(name).is_absolute()
    assert name.endswith("/b/lithops.jobs/0123456789abcdef-0")


def test_a_call_and_decorated_functions() -> None:
    call = LithopsCallAsyncOperator(task_id="t", func=count_lines, data=["s3://in/a"])
    assert names(extracted(call, TaskInstanceState.RUNNING).inputs) == [("s3://in", "a")]

    decorated_call = lithops_task(count_lines)("s3://in/b").operator
    assert names(extracted(decorated_call, TaskInstanceState.RUNNING).inputs) == [("s3://in", "b")]
    decorated_map = lithops_map(count_lines)(["s3://in/c", "s3://in/d"]).operator
    found = extracted(decorated_map, TaskInstanceState.RUNNING)
    assert names(found.inputs) == [("s3://in", "c"), ("s3://in", "d")]
    assert found.job_facets["lithops_function"].name == "count_lines"


def test_a_decorated_call_that_takes_no_object_reads_none() -> None:
    found = extracted(lithops_task(scaled)("s3://in/a").operator, TaskInstanceState.RUNNING)

    assert found.inputs == []
    assert found.job_facets["lithops_function"].name == "scaled"


def test_a_reduce_that_gets_a_variable_of_the_context_needs_none_to_be_told() -> None:
    def total(results: list[int], ds: str) -> int:
        raise NotImplementedError

    operator = lithops_map_reduce(reduce_function=total)(count_lines)(["s3://in/a"]).operator

    assert names(extracted(operator, TaskInstanceState.RUNNING).inputs) == [("s3://in", "a")]


class Counter:
    """A callable object."""

    def __call__(self, obj: Any) -> int:
        raise NotImplementedError


def test_the_code_of_a_callable_object_is_that_of_its_call() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=Counter(), map_iterdata=["s3://in/a"])
    found = extracted(operator, TaskInstanceState.RUNNING)

    assert names(found.inputs) == [("s3://in", "a")]
    facet = found.job_facets["lithops_function"]
    assert (facet.name, facet.module, facet.file) == ("Counter.__call__", __name__, __file__)


def test_a_generator_is_left_for_the_task() -> None:
    operator = LithopsMapOperator(task_id="t", map_function=count_lines, map_iterdata=(f"s3://b/{n}" for n in range(3)))

    assert extracted(operator, TaskInstanceState.RUNNING).inputs == []
    assert list(operator.map_iterdata) == ["s3://b/0", "s3://b/1", "s3://b/2"]


def test_a_file_transport_writes_it(tmp_path: Path) -> None:
    operator = LithopsMapOperator(task_id="t", map_function=count_lines, map_iterdata=["s3://in/a"], get_result=False)
    found = extracted(operator, TaskInstanceState.SUCCESS, job())
    file = tmp_path / "events.json"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(file), append=True)))
    event = RunEvent(
        eventTime=datetime.now(timezone.utc).isoformat(), eventType=RunState.COMPLETE, producer="https://example.com",
        run=Run(runId=str(uuid.uuid4()), facets=found.run_facets), job=Job("dags", "t", facets=found.job_facets),
        inputs=found.inputs, outputs=found.outputs,
    )  # fmt: skip
    client.emit(event)

    (line,) = file.read_text().splitlines()
    written = json.loads(line)
    assert written["run"]["facets"]["lithops_job"]["executorId"] == "0123456789abcdef-0"
    assert written["job"]["facets"]["lithops_function"]["name"] == "count_lines"
    assert written["inputs"][0]["namespace"] == "s3://in"
    assert written["outputs"][0]["name"] == "lithops.jobs/0123456789abcdef-0"
