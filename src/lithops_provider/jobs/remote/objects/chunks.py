"""
Opens a chunk of an object as the parameter ``obj`` of a function: with the attributes that Lithops gives it, and with
readers of lines, JSON, CSV and Parquet. injection.py calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import sources
from . import lines, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..frames import ObjectChunk


class Readers:
    """
    Ways to read a chunk. Each reads it from its beginning, whatever was read before.

    Lines, rows, and row groups of Parquet belong to the chunk in which they begin. An object that isn't split is
    decompressed if it begins as gzip, bzip2 or xz files do.
    """

    _chunk: lines.Chunk

    def lines(self, encoding: str | None = None, errors: str = "strict") -> Iterator[str]:
        """
        Yields the lines as text, without their ends.

        :param encoding: None for UTF-8, or what a byte order mark says
        :param errors: see `bytes.decode`
        """
        return self._chunk.text(encoding, errors, keepends=False)

    def json_lines(self) -> Iterator[Any]:
        """Yields the value of each line, which is JSON; blank lines are left out."""
        return lines.json_lines(self._chunk)

    def csv(
        self,
        fieldnames: Iterable[str] | None = None,
        *,
        restkey: Any = tables.REFUSE,
        restval: Any = tables.REFUSE,
        encoding: str | None = None,
        errors: str = "strict",
        **fmt: Any,
    ) -> Iterator[dict[Any, Any]]:
        """
        Yields the rows of CSV as dicts. Every chunk goes by the header at the beginning of the object.

        :param fieldnames: names of the fields, if the object has no header
        :param restkey: the key for a list of the values that a row has beyond the header; without it, such a row is an
            error
        :param restval: the value for fields that a row lacks; without it, such a row is an error
        :param encoding: see `lines`
        :param errors: the same
        :param fmt: format, as for `csv.reader`: ``delimiter``, ``quotechar``, ``quoting``, ``dialect`` ...
        """
        return tables.csv_rows(self._chunk, fieldnames, restkey, restval, encoding, errors, fmt)

    def dataframe(self, **options: Any) -> Any:
        """
        Returns the rows of CSV, or of Parquet, as a pandas DataFrame.

        :param options: arguments of `pandas.read_csv`; for Parquet those of pyarrow's ``read_row_groups``, such as
            ``columns``
        """
        return tables.dataframe(self._chunk, options)


def open_chunk(storage: Any, description: ObjectChunk) -> Any:
    """
    Opens a chunk.

    :param storage: a Lithops Storage of the object's backend; None for a path or a URL
    :param description: which object, and which chunk of it
    :returns: a Lithops CloudObject (or CloudObjectLocal, CloudObjectUrl) with ``data_stream`` and `Readers`
    """
    from lithops.storage.utils import CloudObject, CloudObjectLocal, CloudObjectUrl

    if description["backend"] == "path":
        obj: Any = _with_readers(CloudObjectLocal)(description["path"])
    elif description["backend"] == "url":
        obj = _with_readers(CloudObjectUrl)(description["url"])
    else:
        obj = _with_readers(CloudObject)(description["backend"], description["bucket"], description["key"])
    start, end, size = description["start"], description["end"], description["size"]
    cut = (start, end)
    obj.data_byte_range = (start, max(start, end - 1))
    obj.chunk_size = end - start
    obj.part = description["part"]
    obj.total_parts = description["total_parts"]
    obj.newline = description["newline"]
    source = sources.open_source(storage, description)
    newline = description["newline"].encode() if description["newline"] is not None else None
    if newline is not None and description["total_parts"] > 1:
        start, end = _line_start(source, start, size, newline), _line_start(source, end, size, newline)
    obj.data_stream = source.stream(start, end)
    obj._chunk = lines.Chunk(source, start, end, cut, obj.part, obj.total_parts, obj.newline)
    return obj


def _with_readers(kind: Any) -> Any:
    return type(kind.__name__, (Readers, kind), {})


def _line_start(source: sources.Source, position: int, size: int, newline: bytes) -> int:
    """Returns where the first line at or after ``position`` begins."""
    if position <= 0 or position >= size:
        return min(position, size)
    search = max(0, position - len(newline))
    tail = b""
    while search < size:
        block = tail + source.read(search, min(size, search + sources.BLOCK))
        found = block.find(newline)
        if found >= 0:
            return search - len(tail) + found + len(newline)
        search += len(block) - len(tail)
        tail = block[-(len(newline) - 1) :] if len(newline) > 1 else b""
    return size
