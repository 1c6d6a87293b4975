"""
Writes results into a file in storage. `write_file` is the function that the calls of the phase ``write`` run. So this
module is pickled by value, and imports the standard library only, and Parquet's library where it is used.
"""

from __future__ import annotations

import base64
import csv
import datetime
import decimal
import functools
import importlib
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypedDict

    class FileSpec(TypedDict):
        """
        A file to write: its place and format; whether results are lists of pairs of key and value; for Parquet the
        schema of each column, as Arrow writes it, or the name of its decimal, or None to derive it from the values; and
        which attempt to write the files this is.
        """

        bucket: str
        key: str
        format: str
        pairs: bool
        types: dict[str, str] | None
        attempt: str

    class WrittenFile(TypedDict):
        """A file that was written, or with the format ``bytes`` an object: its name, its rows and its bytes."""

        name: str
        rows: int
        bytes: int

    class Written(TypedDict):
        """
        What a call has written. ``columns`` has the name of the type of each column, and its schema as Arrow writes it;
        it is None if the format has no columns.
        """

        files: list[WrittenFile]
        columns: Columns | None


#: What a cell of CSV can hold.
_SCALARS = (str, int, float, bool, type(None), datetime.date, datetime.time, decimal.Decimal, uuid.UUID)

#: Index of the item, and a row of its result.
Row = tuple[int, Any]
#: Name of the type of each column, and its schema as Arrow writes it.
Columns = dict[str, tuple[str, str]]


class ResultsFormatError(TypeError):
    """A result can't be written in the format that was asked for. The message names its item."""


def write_file(results: list[tuple[int, Any]], spec: FileSpec, storage: Any) -> Written:
    """
    Writes results into a file, in the order of their items.

    :param results: for each item its index and its result
    :param spec: what to write
    :param storage: a Lithops Storage
    :returns: what was written. Without rows there is no file
    :raises ResultsFormatError: the format can't hold a result
    """
    kind = spec["format"]
    if kind == "bytes":
        return _write_objects(results, spec, storage)
    rows = list(_rows(results, spec["pairs"]))
    if not rows:
        return {"files": [], "columns": None}
    data, columns = _ENCODERS[kind](rows, spec["types"])
    storage.put_object(spec["bucket"], spec["key"], data)
    name = spec["key"].rpartition("/")[2]
    return {"files": [{"name": name, "rows": len(rows), "bytes": len(data)}], "columns": columns}


def _write_objects(results: list[tuple[int, Any]], spec: FileSpec, storage: Any) -> Written:
    """Writes an object for each item, which holds exactly what its function returned."""
    folder = spec["key"].rpartition("/")[0]
    files: list[WrittenFile] = []
    for index, value in results:
        if value is None:
            continue
        if not isinstance(value, (bytes, bytearray, memoryview, str)):
            raise _unfit(index, value, "bytes", "is neither bytes nor str")
        data = value.encode() if isinstance(value, str) else bytes(value)
        name = f"part-{index:08d}.bin"
        storage.put_object(spec["bucket"], f"{folder}/{name}", data)
        files.append({"name": name, "rows": 1, "bytes": len(data)})
    return {"files": files, "columns": None}


def _rows(results: list[tuple[int, Any]], pairs: bool) -> Iterator[Row]:
    """
    Yields the rows of each result with the item: each entry of a list, each row of a DataFrame, nothing for None, else
    the result itself.
    """
    for index, value in results:
        for row in _rows_of(value):
            yield index, _of_pair(row) if pairs else row


def _rows_of(value: Any) -> Iterator[Any]:
    if value is None:
        return
    if isinstance(value, list):
        yield from value
    elif hasattr(value, "to_dict") and hasattr(value, "columns"):  # a DataFrame
        for row in value.to_dict("records"):
            yield {str(name): None if _is_nothing(cell) else cell for name, cell in row.items()}
    else:
        yield value


def _is_nothing(cell: Any) -> bool:
    """Tells whether a cell of a DataFrame is what it has for "no value": NaN, NaT, NA."""
    try:
        return bool(cell != cell)  # as only NaN and NaT are
    except TypeError:  # pandas.NA, whose comparisons are neither true nor false
        return True
    except ValueError:  # an array
        return False


def _of_pair(pair: Any) -> dict[str, Any]:
    """Makes a row of a key and what was reduced under it."""
    key, value = pair
    return {"key": key, **value} if isinstance(value, dict) and "key" not in value else {"key": key, "value": value}


def _as_columns(row: Row, kind: str) -> dict[str, Any]:
    index, value = row
    if hasattr(value, "_asdict"):  # a namedtuple
        value = value._asdict()
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise _unfit(
            index, value, kind, "is no row: have the function return dicts of columns by name, or lists of such"
        )
    return value


def _unfit(index: int, value: Any, kind: str, why: str) -> ResultsFormatError:
    shown = repr(value)
    shown = shown if len(shown) <= 100 else f"{shown[:100]}..."
    return ResultsFormatError(
        f"item {index}: results_format={kind!r} can't hold {shown}, of type {type(value).__name__}, which {why}"
    )


def _json_lines(rows: list[Row], types: Any) -> tuple[bytes, None]:
    lines = []
    for index, value in rows:
        try:
            lines.append(json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise _unfit(index, value, "jsonl", f"JSON can't express: {error}") from None
    return b"\n".join([*lines, b""]), None


def _plain(value: Any) -> Any:
    """Returns a value that JSON can hold in the place of one that it can't."""
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(value, "tolist"):  # of numpy
        return value.tolist()
    raise TypeError(f"no {type(value).__name__}")


def _csv(rows: list[Row], types: dict[str, str] | None) -> tuple[bytes, Columns]:
    names = list(types or _as_columns(rows[0], "csv"))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {name: _cell(row, name, cell) for name, cell in _as_columns(row, "csv").items()}
        if extra := sorted(set(cells) - set(names)):
            raise _unfit(*row, "csv", f"has a column {extra[0]!r}, which the first row of its file, {names}, hasn't")
        writer.writerow(cells)
    return text.getvalue().encode(), dict.fromkeys(names, ("text", ""))


def _cell(row: Row, name: str, cell: Any) -> Any:
    if not isinstance(cell, _SCALARS) and hasattr(cell, "item") and getattr(cell, "ndim", 0) == 0:
        cell = cell.item()  # of numpy
    if isinstance(cell, str) and not cell.isascii():
        try:
            cell.encode()
        except UnicodeEncodeError as error:
            raise _unfit(*row, "csv", f"has a text in the column {name!r} that isn't Unicode: {error}") from None
    if not isinstance(cell, _SCALARS):
        raise _unfit(*row, "csv", f"has a {type(cell).__name__} in the column {name!r}: CSV holds texts and numbers")
    return cell.isoformat() if isinstance(cell, (datetime.date, datetime.time)) else cell


def _parquet(rows: list[Row], types: dict[str, str] | None) -> tuple[bytes, Columns]:
    pyarrow, parquet = _import("pyarrow"), _import("pyarrow.parquet")
    dicts = [_as_columns(row, "parquet") for row in rows]
    names = list(types or dict.fromkeys(name for row in dicts for name in row))
    arrays = []
    for name in names:
        values = [_arrow(row.get(name)) for row in dicts]
        wanted = None if types is None else _type_of(types[name])
        convert = functools.partial(pyarrow.array, type=wanted)
        try:
            arrays.append(convert(values))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError, ValueError) as error:
            row = rows[_first_unfit(convert, values)]
            raise _unfit(*row, "parquet", f"doesn't fit the column {name!r} of the rows before: {error}") from None
    table = pyarrow.Table.from_arrays(arrays, names=names)
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue(), {field.name: (str(field.type), _as_text(pyarrow.schema([field]))) for field in table.schema}


def _import(name: str) -> Any:
    """
    Imports a module that only one format needs. With an import statement, the check of a runtime would demand the
    module for every format.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModuleNotFoundError(
            f"results_format='parquet' needs pyarrow where the functions run: {error}; install it in the runtime"
        ) from error


def _as_text(schema: Any) -> str:
    return base64.b64encode(schema.serialize()).decode()


def _type_of(text: str) -> Any:
    """Returns the type of a column: of its schema, or the decimal that the text is the name of."""
    pyarrow = _import("pyarrow")
    if (decimal := re.fullmatch(r"decimal128\((\d+), (\d+)\)", text)) is not None:
        return pyarrow.decimal128(int(decimal[1]), int(decimal[2]))
    return pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(text))).field(0).type


def _arrow(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


def _first_unfit(convert: Callable[[list[Any]], Any], values: list[Any]) -> int:
    """Returns, found by halving, the place of the first value that can't be converted along with all before it."""
    low, high = 0, len(values)  # the first `low` can be converted, the first `high` can't
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(values[:middle])
            low = middle
        except Exception:  # whatever it said of all of them
            high = middle
    return high - 1


_ENCODERS: dict[str, Callable[[list[Row], Any], tuple[bytes, Columns | None]]] = {
    "jsonl": _json_lines,
    "csv": _csv,
    "parquet": _parquet,
}
