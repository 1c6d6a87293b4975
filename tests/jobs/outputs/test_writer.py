"""Files as readers see them."""

from __future__ import annotations

import datetime
import decimal
import io
import json
import sys
import uuid
from collections import namedtuple
from typing import Any

import numpy  # noqa: TID253 - only DAG files have to be fast to import
import pandas  # noqa: TID253
import pyarrow.parquet
import pytest

from lithops_provider.jobs.outputs.writer import ResultsFormatError, write_file

Point = namedtuple("Point", ["x", "y"])


class Storage:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        assert bucket == "b"
        self.objects[key] = data


def write(results: list[Any], kind: str, **more: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    storage = Storage()
    spec = {"bucket": "b", "key": f"p/part-00000.{kind}", "format": kind, "pairs": False, "types": None, **more}
    return write_file([*enumerate(results, start=10)], spec, storage), storage.objects


def test_json_lines() -> None:
    day = datetime.date(2026, 5, 1)
    key = uuid.uuid4()
    others = {"k": key, "d": decimal.Decimal("1.10")}
    found, objects = write([{"a": 1, "day": day}, None, [1, "zwei"], Point(1, 2.5), numpy.int64(7), others], "jsonl")

    (data,) = objects.values()
    assert [json.loads(line) for line in data.splitlines()] == [
        {"a": 1, "day": "2026-05-01"},
        1,
        "zwei",
        [1, 2.5],
        7,
        {"k": str(key), "d": "1.10"},
    ]
    assert found == {"files": [{"name": "part-00000.jsonl", "rows": 6, "bytes": len(data)}], "columns": None}
    (data,) = write([{"a": 1}, {"a": 2}], "jsonl")[1].values()
    assert pandas.read_json(io.BytesIO(data), lines=True).to_dict("list") == {"a": [1, 2]}


def test_csv_is_what_pandas_reads() -> None:
    rows = [{"name": 'Ä "quoted", text', "n": 1}, {"n": 2}, {"name": "line\nend", "n": None}]
    found, objects = write([rows], "csv")

    table = pandas.read_csv(io.BytesIO(objects["p/part-00000.csv"]), keep_default_na=False, dtype=str)
    assert table.to_dict("records") == [
        {"name": 'Ä "quoted", text', "n": "1"},
        {"name": "", "n": "2"},
        {"name": "line\nend", "n": ""},
    ]
    assert found["files"][0]["rows"] == 3
    assert [*found["columns"]] == ["name", "n"]


def test_parquet_keeps_types_and_columns_that_only_later_rows_have() -> None:
    when = datetime.datetime(2026, 5, 1, 12)
    found, objects = write([{"a": 1, "when": when}, {"b": ["x", "y"]}, [{"a": None}]], "parquet")

    table = pyarrow.parquet.read_table(io.BytesIO(objects["p/part-00000.parquet"]))
    assert table.to_pylist() == [
        {"a": 1, "when": when, "b": None},
        {"a": None, "when": None, "b": ["x", "y"]},
        {"a": None, "when": None, "b": None},
    ]
    assert {name: kind for name, (kind, _) in found["columns"].items()} == {
        "a": "int64",
        "when": "timestamp[us]",
        "b": "list<item: string>",
    }


def test_a_file_is_written_with_the_columns_of_all_files() -> None:
    columns = write([{"a": 1.5, "b": ["x"]}], "parquet")[0]["columns"]
    types = {name: schema for name, (_, schema) in columns.items()}

    found, objects = write([{"a": 1}], "parquet", types=types)

    assert found["columns"] == columns
    (data,) = objects.values()
    assert pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist() == [{"a": 1.0, "b": None}]


def test_a_decimal_is_written_as_that_of_all_files() -> None:
    found, objects = write([{"a": decimal.Decimal("1.1")}, {"a": None}], "parquet", types={"a": "decimal128(8, 3)"})

    assert found["columns"]["a"][0] == "decimal128(8, 3)"
    (data,) = objects.values()
    assert pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist() == [{"a": decimal.Decimal("1.100")}, {"a": None}]


class Record:
    """Like a row of a database: it has names, and is no tuple."""

    def _asdict(self) -> dict[str, Any]:
        return {"x": 1, "y": 2.5}


def test_rows_with_names_are_rows_in_every_format() -> None:
    rows = [Point(1, numpy.float64(2.5)), Record(), {"x": numpy.int64(1), "y": 2.5}]

    (data,) = write([rows], "csv")[1].values()
    assert data == b"x,y\n1,2.5\n1,2.5\n1,2.5\n"
    (data,) = write([rows], "parquet")[1].values()
    assert pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist() == [{"x": 1, "y": 2.5}] * 3
    (data,) = write([rows[1:]], "jsonl")[1].values()
    assert data == b'{"x": 1, "y": 2.5}\n' * 2


def test_a_runtime_without_pyarrow_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ModuleNotFoundError, match="results_format='parquet' needs pyarrow where the functions run: "):
        write([{"a": 1}], "parquet")


def test_a_data_frame_gives_its_rows_and_nan_is_nothing() -> None:
    frame = pandas.DataFrame(
        {
            "a": [1, 2],
            "b": [0.5, float("nan")],
            "c": pandas.array([pandas.NA, "x"]),
            "d": pandas.Series([7, pandas.NA], dtype=object),
            "e": [numpy.array([1.0, 2.0]), [3.0]],
        }
    )

    for kind, read in (("jsonl", json.loads), ("parquet", None)):
        _, objects = write([frame], kind)
        (data,) = objects.values()
        rows = (
            [read(line) for line in data.splitlines()]
            if read is not None
            else pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
        )
        assert rows == [
            {"a": 1, "b": 0.5, "c": None, "d": 7, "e": [1.0, 2.0]},
            {"a": 2, "b": None, "c": "x", "d": None, "e": [3.0]},
        ]


def test_na_is_nothing_though_older_releases_of_pandas_leave_it_in_the_rows() -> None:
    class Frame:
        columns = ("a", "b")

        def to_dict(self, orient: str) -> list[dict[str, Any]]:
            return [{"a": pandas.NA, "b": pandas.NaT}, {"a": 7, "b": "x"}]

    (data,) = write([Frame()], "jsonl")[1].values()

    assert [json.loads(line) for line in data.splitlines()] == [{"a": None, "b": None}, {"a": 7, "b": "x"}]


def test_bytes_are_an_object_for_each_item_as_it_is() -> None:
    found, objects = write([b"\x00\xff", None, "täxt", bytearray(b"")], "bytes")

    assert objects == {
        "p/part-00000010.bin": b"\x00\xff",
        "p/part-00000012.bin": "täxt".encode(),
        "p/part-00000013.bin": b"",
    }
    assert found["files"] == [
        {"name": "part-00000010.bin", "rows": 1, "bytes": 2},
        {"name": "part-00000012.bin", "rows": 1, "bytes": 5},
        {"name": "part-00000013.bin", "rows": 1, "bytes": 0},
    ]


def test_pairs_become_rows() -> None:
    _, objects = write([[["x", 1], [("y", 2), {"sum": 3, "count": 4}]]], "jsonl", pairs=True)

    assert [json.loads(line) for line in objects["p/part-00000.jsonl"].splitlines()] == [
        {"key": "x", "value": 1},
        {"key": ["y", 2], "sum": 3, "count": 4},
    ]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "bytes"])
def test_without_rows_there_is_no_file(kind: str) -> None:
    assert write([None, None if kind == "bytes" else []], kind) == ({"files": [], "columns": None}, {})


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("jsonl", {"x": {1, 2}}, "JSON can't express: no set"),
        ("jsonl", float("nan"), "JSON can't express: Out of range float values"),
        ("jsonl", "\ud800", "JSON can't express: 'utf-8' codec can't encode"),
        ("csv", 5, "is no row: have the function return dicts of columns by name"),
        ("csv", {"a": [1]}, "has a list in the column 'a'"),
        ("csv", {"b": 1}, "has a column 'b', which the first row of its file, ['a'], hasn't"),
        ("csv", {"a": "\ud800"}, "has a text in the column 'a' that isn't Unicode"),
        ("parquet", (1, 2), "is no row"),
        ("parquet", {1: 2}, "is no row"),
        ("parquet", {"a": "text"}, "doesn't fit the column 'a' of the rows before"),
        ("bytes", 5, "is neither bytes nor str"),
    ],
)
def test_what_a_format_cannot_hold_names_the_item(kind: str, value: Any, why: str) -> None:
    fine: Any = b"x" if kind == "bytes" else {"a": 1}
    with pytest.raises(ResultsFormatError) as raised:
        write([fine, fine, value, fine], kind)

    assert str(raised.value).startswith(f"item 12: results_format={kind!r} can't hold ")
    assert why in str(raised.value)
