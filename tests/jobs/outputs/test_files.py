"""Which results go into which file; tests/operators/test_files.py has them written."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.outputs import files
from lithops_provider.jobs.outputs.files import bind_files, file_items
from lithops_provider.jobs.outputs.target import FORMATS, Target
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.plan import store_plan
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs.by_key import died
from tests.jobs.by_key_here import store_job
from tests.jobs.conftest import POLL, finished
from tests.jobs.elsewhere import sent, store

TARGET = Target("bucket", "results/", "bucket/results/")


def cut(client: LithopsClient, job: Any, results_format: str = "jsonl") -> list[tuple[int, int]]:
    """Returns the first and the last item of each file."""
    items = file_items(client, job, TARGET, results_format, pairs=False, attempt="1")
    references = [special["results"][0][1][0] for _, _, special in items]
    return [(reference["first"], reference["last"]) for reference in references]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, [(0, 0), (1, 1), (2, 2), (3, 3)]), (2_500, [(0, 1), (2, 3)]), (1 << 20, [(0, 3)])],
)
def test_files_are_cut_by_the_size_of_the_results(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, size: int, expected: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", size)

    assert cut(client, store_job(client, [bytes(1_000)] * 4)) == expected


def test_each_file_is_named_by_its_place_and_format(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)

    items = file_items(client, store_job(client, [1, 2]), TARGET, "bytes", pairs=True, attempt="1")

    assert [(args, kwargs["spec"]["key"], kwargs["spec"]["pairs"]) for args, kwargs, _ in items] == [
        ((), "results/part-00000.bin", True),
        ((), "results/part-00001.bin", True),
    ]


def test_a_file_needs_only_the_calls_that_have_its_items(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)
    job = sent(client, items=4, calls=2)
    store(client, job, 0, {0: 0, 1: "failed"})
    store(client, job, 1, {2: 2, 3: 3})

    items = file_items(client, job, TARGET, "jsonl", pairs=False, attempt="1")

    calls = [special["results"][0][1][0]["calls"] for _, _, special in items]
    assert calls == [[[0]], [[0, 1]], [[1]]]  # the item that failed takes no room: the next one is in its file


def loaded(path: str, value: Any) -> Any:
    """Returns a value, but kills the call at the first time."""
    died(path, [1])
    return value


class KillsItsReader:
    """Kills the call that unpickles it, and is a value when it is unpickled again."""

    def __init__(self, path: str, value: Any) -> None:
        self.path, self.value = path, value

    def __reduce__(self) -> Any:
        return loaded, (self.path, self.value)


def test_calls_that_are_killed_while_they_write_write_again(
    client: LithopsClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)
    values: dict[str, Any] = {name: {"x": 1} for name in FORMATS} | {"bytes": b"\x00"}
    moments = {name: tmp_path / name for name in FORMATS}
    target = Target(client.bucket, prefix := f"killed/{uuid.uuid4().hex}/", f"{client.bucket}/{prefix}")

    job = finished(client, *bind_items(lambda name: KillsItsReader(str(moments[name]), values[name]), FORMATS)).job
    items = [  # a file of each format, of an item of its own
        file_items(client, job, target, name, pairs=False, attempt="1")[number] for number, name in enumerate(FORMATS)
    ]
    spec = make_spec("write", bind_files(), items, Options(batch_size=1))
    run = JobRun(client, spec, poll_interval=POLL, item_retries=1)
    run.submit()
    run.finish()
    keys = client.keys(client.bucket, prefix)
    found = {key.removeprefix(prefix): client.get(client.bucket, key) or b"" for key in keys}
    client.delete(client.bucket, keys)

    assert run.failures() == []
    assert [path.read_text().split() for path in moments.values()] == [["x", "x"]] * 4
    table = pyarrow.parquet.read_table(io.BytesIO(found.pop("part-00002.parquet")))
    assert table.to_pylist() == [{"x": 1}]
    assert found == {
        "part-00000.jsonl": b'{"x": 1}\n',
        "part-00001.csv": b"x\n1\n",
        "part-00000003.bin": b"\x00",
    }


def test_a_damaged_part_has_no_results_since_its_items_were_run_again(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 2_500)
    first = sent(client, items=4, calls=1)
    damaged = store(client, first, 0, dict.fromkeys(range(4), bytes(100_000)))
    client.put(damaged, (client.get(first.bucket, damaged) or b"")[:-3])
    job = first.with_round(1, 4)
    store_plan(client, job, [range(4)], None)
    store(client, job, 0, dict.fromkeys(range(4), bytes(1_000)))

    assert cut(client, job) == [(0, 1), (2, 3)]
