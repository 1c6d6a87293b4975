"""`results_to`: what operators write into files, and what they say of it."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas  # noqa: TID253 - only DAG files have to be fast to import
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import Asset, AssetAlias

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import ItemsFailedError
from lithops_provider.jobs.outputs import files
from lithops_provider.jobs.remote.reduce.keys import HASHES, stable_hash
from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator
from tests.jobs.by_key_here import store_job
from tests.jobs.elsewhere import end
from tests.jobs.failures import Tally, leave_mark
from tests.operators.rows import not_json, remainders, row, rows, sum_and_count, total
from tests.task.instances import Instance, execute_dying_in_each_phase


class Prefix:
    """A prefix in localhost's storage, which is a folder."""

    def __init__(self, client: LithopsClient) -> None:
        from lithops.constants import LITHOPS_TEMP_DIR

        self.client = client
        self.name = f"results/{uuid.uuid4().hex}/"
        self.path = f"{client.bucket}/{self.name}"
        self.folder = f"{LITHOPS_TEMP_DIR}/{self.path}"

    def names(self) -> list[str]:
        return sorted(key.removeprefix(self.name) for key in self.client.keys(self.client.bucket, self.name))

    def read(self, name: str) -> bytes:
        return self.client.get(self.client.bucket, f"{self.name}{name}") or b""


@pytest.fixture
def prefix() -> Iterator[Prefix]:
    client = LithopsClient(resolve_config())
    found = Prefix(client)
    yield found
    client.delete(client.bucket, client.keys(client.bucket, found.name))


def execute(operator: LithopsMapOperator, **context: Any) -> Any:
    return operator.execute({"ti": Instance(), **context})  # type: ignore[typeddict-item]


def from_duckdb(paths: list[str], query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        return list(database.execute(query, [paths]).fetchall())


def test_results_are_files_with_a_manifest_and_a_second_run_replaces_the_first(
    prefix: Prefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)  # a file for each item
    task = LithopsMapOperator(
        task_id="t", map_function=row, map_iterdata=[0, 1, -1, 3], results_to=prefix.path, min_success_ratio=0.7
    )

    found = execute(task)

    assert found == {
        "path": prefix.path,
        "manifest": f"{prefix.path}manifest.json",
        "format": "jsonl",
        "columns": None,
        "files": 3,
        "rows": 3,
        "bytes": sum(len(prefix.read(f"part-{number:05d}.jsonl")) for number in range(3)),
        "items": 4,
        "failed": 1,
    }
    written = [f"part-{number:05d}.jsonl" for number in range(3)]
    assert prefix.names() == ["_SUCCESS", "failures.json", "manifest.json", *written]
    manifest = json.loads(prefix.read("manifest.json"))
    assert [entry["name"] for entry in manifest["files"]] == written
    (failure,) = json.loads(prefix.read(manifest["failures"]))
    assert (failure["index"], failure["message"]) == (2, "below zero")
    lines = [json.loads(prefix.read(name)) for name in written]
    assert lines == [
        {"x": 0, "half": None},
        {"x": 1, "half": None},
        {"x": 3, "half": 1.5},
    ]

    monkeypatch.undo()
    again = LithopsMapOperator(task_id="t", map_function=row, map_iterdata=[5], results_to=prefix.path)

    assert execute(again)["rows"] == 1
    assert prefix.names() == ["_SUCCESS", "manifest.json", "part-00000.jsonl"]


def test_parquet_files_have_the_same_columns_so_that_they_are_one_table(
    prefix: Prefix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)
    task = LithopsMapOperator(
        task_id="t", map_function=row, map_iterdata=[1, 4], results_to=prefix.path, results_format="parquet"
    )

    found = execute(task)

    assert found["columns"] == {"x": "int64", "half": "double"}
    paths = [f"{prefix.folder}part-{number:05d}.parquet" for number in range(2)]  # the first has no number in "half"
    table = pandas.read_parquet(paths)
    assert table["x"].tolist() == [1, 4]
    assert table["half"].isna().tolist() == [True, False]
    assert from_duckdb(paths, "SELECT x, half FROM read_parquet($1) ORDER BY x") == [(1, None), (4, 2.0)]


class Events:
    """What Airflow gives a task to say something about its assets."""

    def __init__(self) -> None:
        self.extras: dict[str, dict[str, Any]] = {}

    def __getitem__(self, asset: Asset) -> Any:
        return SimpleNamespace(extra=self.extras.setdefault(asset.uri, {}))


def test_the_outlets_events_tell_of_the_files(prefix: Prefix) -> None:
    asset = Asset("s3://bucket/prefix/")
    events = Events()
    task = LithopsMapOperator(
        task_id="t",
        map_function=rows,
        map_iterdata=[3, 0],
        results_to=prefix.path,
        results_format="csv",
        outlets=[AssetAlias("elsewhere"), asset],  # of the former, it is known later which assets it stands for
    )

    found = execute(task, outlet_events=events, task=task)

    assert events.extras == {asset.uri: {"lithops_results": found}}
    assert (found["rows"], found["items"]) == (3, 2)
    assert pandas.read_csv(f"{prefix.folder}part-00000.csv")["x"].tolist() == [0, 1, 2]
    # Those who look for lineage are told by the functions themselves where they have written.
    assert (prefix.client.bucket, prefix.name.rstrip("/")) in task._task_run.written
    assert task._lineage_files() == found


def test_the_page_shows_what_a_task_returns(prefix: Prefix) -> None:
    page = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    task = LithopsMapOperator(task_id="t", map_function=row, map_iterdata=[], results_to=prefix.path)

    assert list(execute(task)) == list(shown)


def test_without_items_there_is_a_manifest_of_no_files(prefix: Prefix) -> None:
    task = LithopsMapOperator(task_id="t", map_function=row, map_iterdata=[], results_to=prefix.path)

    found = execute(task)

    assert (found["files"], found["items"], found["rows"]) == (0, 0, 0)
    assert prefix.names() == ["_SUCCESS", "manifest.json"]


@pytest.mark.thorough
def test_what_a_reduce_returns_is_written(prefix: Prefix) -> None:
    task = LithopsMapReduceOperator(
        task_id="t", map_function=row, map_iterdata=[1, 2, 3], reduce_function=total, results_to=prefix.path
    )

    assert execute(task)["rows"] == 1
    assert json.loads(prefix.read("part-00000.jsonl")) == {"rows": 3, "sum": 6}


def by_key(prefix: Prefix, items: list[int]) -> Any:
    """Writes what a reduce by key returns as CSV, and returns what the task does."""
    task = LithopsMapReduceOperator(
        task_id="t",
        map_function=remainders,
        map_iterdata=items,
        reduce_function=sum_and_count,
        reduce_by_key=True,
        reducers=2,
        results_to=prefix.path,
        results_format="csv",
    )
    return execute(task)


def test_of_a_reduce_by_key_each_key_is_a_row(prefix: Prefix) -> None:
    told = by_key(prefix, [1, 2, 3, 4])

    assert (told["rows"], told["files"], told["items"], list(told["columns"])) == (5, 1, 4, ["key", "sum", "count"])
    table = pandas.read_csv(f"{prefix.folder}part-00000.csv").sort_values("key")
    assert table.to_numpy().tolist() == [
        ["by three: 0", 3, 1],
        ["by three: 1", 5, 2],
        ["by three: 2", 2, 1],
        ["by two: 0", 6, 2],
        ["by two: 1", 4, 2],
    ]


def test_a_worker_that_dies_in_each_phase_leaves_it_to_the_next_try(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a reduce by key into two files, of which the first has to be written anew, as it has no number in "half"."""
    monkeypatch.setattr(files, "FILE_SIZE", 1)
    tally = Tally(tmp_path / "tally")
    low = next(key for key in itertools.count() if stable_hash(key) < HASHES // 2)
    high = next(key for key in itertools.count() if stable_hash(key) >= HASHES // 2)

    def by_range(x: int) -> dict[int, int]:
        leave_mark(tally.path, str(x))
        return {low: x, high: x}

    def half(key: int, values: Any) -> dict[str, float | None]:
        return {"half": None if key == low else sum(values) / 2}

    task = LithopsMapReduceOperator(
        task_id="t",
        map_function=by_range,
        map_iterdata=[1, 2, 4],
        reduce_function=half,
        reduce_by_key=True,
        reducers=2,
        results_to=prefix.path,
        results_format="parquet",
        poll_interval=0.05,
    )

    told, died = execute_dying_in_each_phase(task, monkeypatch)

    assert died == ["map", "shuffle", "reduce", "write", "rewrite"]
    assert sorted(tally.read()) == ["1", "2", "4"]
    assert (told["files"], told["rows"], told["columns"]) == (2, 2, {"key": "int64", "half": "double"})
    assert prefix.names() == ["_SUCCESS", "manifest.json", "part-00000.parquet", "part-00001.parquet"]
    paths = [f"{prefix.folder}part-{number:05d}.parquet" for number in range(2)]
    assert pandas.concat(map(pandas.read_parquet, paths))["half"].tolist()[1:] == [3.5]
    assert from_duckdb(paths, "SELECT half FROM read_parquet($1) ORDER BY half") == [(3.5,), (None,)]


def test_results_of_an_earlier_task_are_written_by_reference(prefix: Prefix) -> None:
    job = store_job(prefix.client, [1, 4])
    end(prefix.client, job, 0)
    task = LithopsMapOperator(
        task_id="t", map_function=row, map_iterdata=job.to_dict(), results_to=prefix.path, poll_interval=0.05
    )

    assert execute(task)["rows"] == 2
    assert [json.loads(line) for line in prefix.read("part-00000.jsonl").splitlines()] == [
        {"x": 1, "half": None},
        {"x": 4, "half": 2.0},
    ]


@pytest.mark.parametrize("items", [[], pytest.param([0], marks=pytest.mark.thorough)])
def test_of_a_reduce_by_key_without_pairs_there_is_a_manifest_of_no_files(prefix: Prefix, items: list[int]) -> None:
    told = by_key(prefix, items)

    assert (told["rows"], told["files"], told["items"]) == (0, 0, len(items))
    assert prefix.names() == ["_SUCCESS", "manifest.json"]


@pytest.mark.thorough
def test_without_items_what_the_reduce_makes_of_none_is_written(prefix: Prefix) -> None:
    task = LithopsMapReduceOperator(
        task_id="t", map_function=row, map_iterdata=[], reduce_function=total, results_to=prefix.path
    )

    assert execute(task)["rows"] == 1
    assert json.loads(prefix.read("part-00000.jsonl")) == {"rows": 0, "sum": 0}


@pytest.mark.thorough
def test_a_result_that_the_format_cannot_hold_fails_the_task_and_there_is_no_success(prefix: Prefix) -> None:
    task = LithopsMapOperator(
        task_id="t", map_function=not_json, map_iterdata=range(4), results_to=prefix.path, min_success_ratio=0
    )

    with pytest.raises(ItemsFailedError, match=r"item 2: results_format='jsonl' can't hold \{2\}, of type set"):
        execute(task)
    assert prefix.names() == ["_WRITING"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"results_format": "xml"}, "results_format must be one of 'jsonl', 'csv', 'parquet', 'bytes', got 'xml'"),
        ({"async_invoke": True}, "results_to doesn't go with async_invoke=True"),
        ({"get_result": False}, "results_to doesn't go with get_result=False"),
        ({"results_to": "/tmp/results"}, "results_to must be a prefix in the connection's storage"),
        ({"results_to": ""}, "results_to must be a prefix in the connection's storage"),
        ({"results_overwrite": "perhaps"}, "results_overwrite"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(prefix: Prefix, given: dict[str, Any], says: str) -> None:
    task = LithopsMapOperator(task_id="t", map_function=row, map_iterdata=[1], **{"results_to": prefix.path, **given})
    instance = Instance()

    with pytest.raises(AirflowFailException) as raised:
        task.execute({"ti": instance})  # type: ignore[typeddict-item]
    assert says in str(raised.value)
    assert instance.pushed == {}


def test_what_is_not_ours_is_refused_before_anything_is_sent(prefix: Prefix) -> None:
    prefix.client.put(f"{prefix.name}theirs.csv", b"a\n")
    task = LithopsMapOperator(task_id="t", map_function=row, map_iterdata=[1], results_to=prefix.path)

    with pytest.raises(AirflowFailException, match=r"theirs\.csv.*results_overwrite=True"):
        execute(task)
    assert prefix.names() == ["theirs.csv"]
