"""
Reads a chunk of an object as rows of a table: of CSV, by the header that only the first chunk has, and of Parquet.
`obj.csv()` and `obj.dataframe()` of chunks.py call it.

Chunks are cut at line ends, and a quoted field of CSV may have line ends in it. So such a field may be cut, which has
to be an error. The chunk in which the field begins ends within it, which the CSV parser always notices. The next chunk
begins within it; that is noticed if its first quote ends a field or is a doubled one, or if its first row hasn't as
many fields as the header.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from .lines import without_mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .lines import Chunk

#: In the place of ``restkey`` or ``restval``: rows that are longer or shorter than the header are errors.
REFUSE = object()
#: Arguments of `pandas.read_csv` that speak of a file's beginning or end, which chunks don't have.
_OF_WHOLE_FILES = ("skiprows", "skipfooter", "nrows", "comment", "compression")
#: Arguments of `pandas.read_csv` that the csv module has as well.
_DIALECT = ("quotechar", "quoting", "doublequote", "escapechar", "skipinitialspace")
_WHOLE = "read the object as a whole, without obj_chunk_size and obj_chunk_number"


def csv_rows(
    chunk: Chunk,
    fieldnames: Iterable[str] | None,
    restkey: Any,
    restval: Any,
    encoding: str | None,
    errors: str,
    options: dict[str, Any],
) -> Iterator[dict[Any, Any]]:
    """
    Yields the rows of a chunk as dicts; the parameters are those of `csv.DictReader`.

    :param chunk: the chunk
    :param fieldnames: names of the fields; None to take them from the object's first row
    :param restkey: the key for the values that a row has beyond the header; `REFUSE` if it may have none
    :param restval: the value for fields that a row lacks; `REFUSE` if it may lack none
    :param encoding: see `Chunk.text`
    :param errors: the same
    :param options: the format, as `csv.reader` takes it
    :raises ValueError: a row doesn't fit the header, or a chunk's edge has cut one
    """
    options = {"strict": chunk.split, **options}
    if chunk.end <= chunk.start:
        return
    lines = chunk.text(encoding, errors, keepends=chunk.newline in (None, "\n", "\r\n"))
    records = _Records(chunk, lines, options)
    rows = iter(records)
    if fieldnames is not None:
        names = list(fieldnames)
    elif chunk.start == 0:
        names = next(rows, [])
    else:
        names, _ = header(chunk, encoding, options)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the header of {chunk.source.name} has {twice!r} twice: give fieldnames, or use obj.lines()")
    for row in rows:
        missing = len(names) - len(row)
        if (missing > 0 and restval is REFUSE) or (missing < 0 and restkey is REFUSE):
            raise ValueError(
                f"row {records.number} of {chunk.name} has {len(row)} fields, and the header {len(names)}: "
                f"{str(row)[:100]}. Give restkey or restval if rows may be longer or shorter{_or_cut(chunk)}"
            )
        found: dict[Any, Any] = dict(zip(names, row, strict=False))
        if missing < 0:
            found[restkey] = row[len(names) :]
        for name in names[len(row) :]:
            found[name] = restval
        yield found


def header(chunk: Chunk, encoding: str | None, options: dict[str, Any]) -> tuple[list[str], str]:
    """
    Returns the first row of an object: its fields, and its text as it is in the object.

    :raises ValueError: the chunk begins within that row
    """
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in chunk.first_lines(encoding):
            taken.append(line)
            yield line

    names = next(iter(_Records(chunk, noted(), options, beginning=True)), [])
    text = "".join(taken)
    if chunk.start < len(text.encode(without_mark(encoding) or "utf-8")):
        raise ValueError(_cut(chunk))
    return names, text


class _Records:
    """
    The rows of CSV, blank ones left out.

    :param chunk: the chunk
    :param lines: its lines
    :param options: arguments of `csv.reader`
    :param beginning: whether the lines are those of the object's beginning, and not the chunk's
    """

    def __init__(self, chunk: Chunk, lines: Iterator[str], options: dict[str, Any], *, beginning: bool = False) -> None:
        self.chunk = chunk
        self.number = 0
        self._lines_of_row = 0
        self._ended_within = False
        self._first_quote_seen = beginning or chunk.start == 0
        self._reader = csv.reader(self._feed(lines), **options)

    def _feed(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self._lines_of_row += 1
            if not self._first_quote_seen:
                self._look_for_first_quote(line)
            yield line
        # The parser wants more lines though it hasn't returned a row for the last one: a quoted field is open.
        self._ended_within = self._lines_of_row > 0

    def _look_for_first_quote(self, line: str) -> None:
        dialect: Any = self._reader.dialect
        quote = dialect.quotechar
        if quote is None or dialect.quoting == csv.QUOTE_NONE:
            self._first_quote_seen = True
            return
        before, found, behind = line.partition(quote)
        if not found:
            return
        self._first_quote_seen = True
        opens = not before or before.endswith((dialect.delimiter, " ", dialect.escapechar or dialect.delimiter))
        if not opens and (not behind or behind[0] in (dialect.delimiter, quote, "\r", "\n")):
            raise ValueError(_cut(self.chunk))

    def __iter__(self) -> Iterator[list[str]]:
        while True:
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                if self._ended_within:
                    raise ValueError(_cut(self.chunk)) from error
                raise ValueError(f"row {self.number + 1} of {self.chunk.name}: {error}{_or_cut(self.chunk)}") from error
            if self._ended_within:
                raise ValueError(_cut(self.chunk))
            if row is None:
                return
            self._lines_of_row = 0
            if row:
                self.number += 1
                yield row


def _cut(chunk: Chunk) -> str:
    if not chunk.split:
        return f"{chunk.name} ends within a quoted field; if its quotes mean nothing, give quoting=csv.QUOTE_NONE"
    return (
        f"a quoted field with a line end in it is cut by an edge of {chunk.name}: {_WHOLE}; or if its quotes mean "
        "nothing, give quoting=csv.QUOTE_NONE"
    )


def _or_cut(chunk: Chunk) -> str:
    return (
        f"; if quoted fields have line ends in them, a chunk's edge may have cut one: {_WHOLE}" if chunk.split else ""
    )


def dataframe(chunk: Chunk, options: dict[str, Any]) -> Any:
    """
    Returns a chunk of CSV or of Parquet as a pandas DataFrame.

    :param chunk: the chunk
    :param options: arguments of `pandas.read_csv`, or of `pyarrow.parquet.ParquetFile.read_row_groups`
    :raises ValueError: an option is for whole files, or a chunk's edge has cut a row
    """
    pandas = _required("pandas")
    if chunk.source.read(0, min(chunk.source.size, 4)) == b"PAR1":
        return _row_groups(chunk, options)
    if chunk.source.size == 0:
        return pandas.DataFrame()
    if not chunk.split:
        stream = chunk.binary() if "compression" not in options else chunk.source.stream(chunk.start, chunk.end)
        return pandas.read_csv(stream, **options)
    for name in _OF_WHOLE_FILES:
        if name in options:
            raise ValueError(f"{name} is for whole files, and {chunk.source.name} is read in chunks: {_WHOLE}")
    first_row = options.get("header", "infer")
    if first_row not in ("infer", 0, None):
        raise ValueError(
            f"header={first_row!r} is for whole files, and {chunk.source.name} is read in chunks: {_WHOLE}"
        )
    data = chunk.source.read(chunk.start, chunk.end)
    has_header = first_row == 0 or (first_row == "infer" and options.get("names") is None)
    if has_header and chunk.start > 0:
        data = _checked_header(chunk, data, options) + data
    elif not data:
        return pandas.DataFrame(columns=options.get("names"))
    try:
        return pandas.read_csv(io.BytesIO(data), **options)
    except pandas.errors.ParserError as error:
        raise ValueError(f"{chunk.name}: {error}{_or_cut(chunk)}") from error


def _checked_header(chunk: Chunk, data: bytes, options: dict[str, Any]) -> bytes:
    """Returns the object's header as it is in the object, once it is checked that the chunk's first row fits it."""
    encoding = options.get("encoding")
    delimiter = options.get("sep") or options.get("delimiter") or ","
    dialect: dict[str, Any] = {name: options[name] for name in _DIALECT if name in options}
    dialect["delimiter"] = delimiter if len(delimiter) == 1 else ","
    names, text = header(chunk, encoding, dialect)
    lines = chunk.text(encoding, "strict", keepends=True, binary=io.BytesIO(data))
    first = next(iter(_Records(chunk, lines, dialect)), None)
    if first is not None and len(delimiter) == 1 and len(first) != len(names):
        raise ValueError(
            f"the first row of {chunk.name} has {len(first)} fields, and the header {len(names)}: "
            f"{str(first)[:100]}{_or_cut(chunk)}"
        )
    return text.encode(encoding or "utf-8")


def _row_groups(chunk: Chunk, options: dict[str, Any]) -> Any:
    """Returns the row groups that begin in a chunk. The end of a Parquet file says where they are."""
    parquet = _required("pyarrow.parquet")
    file = parquet.ParquetFile(chunk.source.stream(0, chunk.source.size))
    start, end = chunk.cut
    groups = [
        group
        for group in range(file.metadata.num_row_groups)
        if start <= _group_start(file.metadata.row_group(group)) < end
    ]
    try:
        return file.read_row_groups(groups, **options).to_pandas()
    except TypeError as error:
        raise TypeError(f"{chunk.name} is Parquet, of which obj.dataframe() takes columns: {error}") from error


def _group_start(group: Any) -> int:
    column = group.column(0)
    offsets = [column.data_page_offset, column.dictionary_page_offset or column.data_page_offset]
    return int(min(offsets))


def _required(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ModuleNotFoundError(
            f"obj.dataframe() needs {package} here, where the function runs: install it in the runtime, or use "
            "obj.csv(), obj.json_lines() or obj.lines()",
            name=error.name,
        ) from error
