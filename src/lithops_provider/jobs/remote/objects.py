"""A chunk of an object in storage, as the parameter ``obj`` of a function: the same attributes as in Lithops."""

from __future__ import annotations

from typing import Any

from . import sources


def open_chunk(storage: Any, description: dict[str, Any]) -> Any:
    """
    Opens a chunk.

    :param storage: a Lithops Storage of the object's backend; None for a path or a URL
    :param description: ``backend``, ``bucket`` and ``key``, or ``path``, or ``url``; ``size`` of the object;
        ``start`` and ``end`` of the chunk in bytes; ``part``, ``total_parts``, ``newline``
    :returns: a Lithops CloudObject (or CloudObjectLocal, CloudObjectUrl) with ``data_stream``
    """
    from lithops.storage.utils import CloudObject, CloudObjectLocal, CloudObjectUrl

    if description["backend"] == "path":
        obj: Any = CloudObjectLocal(description["path"])
    elif description["backend"] == "url":
        obj = CloudObjectUrl(description["url"])
    else:
        obj = CloudObject(description["backend"], description["bucket"], description["key"])
    start, end, size = description["start"], description["end"], description["size"]
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
    return obj


def _line_start(source: sources.Source, position: int, size: int, newline: bytes) -> int:
    """Returns where the first line starts that begins at or after ``position``."""
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
