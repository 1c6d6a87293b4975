"""A chunk of an object in storage, as the parameter ``obj`` of a function: the same attributes as in Lithops."""

from __future__ import annotations

import io
from typing import Any

_BLOCK = 1 << 20


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
    source = _Source(storage, description)
    newline = description["newline"].encode() if description["newline"] is not None else None
    if newline is not None and description["total_parts"] > 1:
        start, end = _line_start(source, start, size, newline), _line_start(source, end, size, newline)
    obj.data_stream = io.BufferedReader(_RangeStream(source, start, end), buffer_size=_BLOCK)
    return obj


def _line_start(source: _Source, position: int, size: int, newline: bytes) -> int:
    """Returns where the first line starts that begins at or after ``position``."""
    if position <= 0 or position >= size:
        return min(position, size)
    search = max(0, position - len(newline))
    tail = b""
    while search < size:
        block = tail + source.read(search, min(size, search + _BLOCK))
        found = block.find(newline)
        if found >= 0:
            return search - len(tail) + found + len(newline)
        search += len(block) - len(tail)
        tail = block[-(len(newline) - 1) :] if len(newline) > 1 else b""
    return size


class _Source:
    """Reads byte ranges of the object."""

    def __init__(self, storage: Any, description: dict[str, Any]) -> None:
        self.storage = storage
        self.description = description

    def read(self, start: int, end: int) -> bytes:
        """
        Returns the bytes from ``start`` to before ``end``.

        :raises OSError: there are fewer
        """
        if end <= start:
            return b""
        data = self._fetch(start, end)
        if len(data) < end - start:
            where = self.description.get("key") or self.description.get("path") or self.description.get("url")
            raise OSError(f"{where} is shorter than the {self.description['size']} bytes it had when the job was sent")
        return data[: end - start]

    def _fetch(self, start: int, end: int) -> bytes:
        backend = self.description["backend"]
        if backend == "path":
            with open(self.description["path"], "rb") as file:
                file.seek(start)
                return file.read(end - start)
        whole = (start, end) == (0, self.description["size"])
        headers = {} if whole else {"Range": f"bytes={start}-{end - 1}"}
        if backend == "url":
            import requests

            headers["Accept-Encoding"] = "identity"  # bytes are counted
            response = requests.get(self.description["url"], headers=headers, timeout=60)
            response.raise_for_status()
            data: bytes = response.content
            return data if whole or response.status_code == 206 else data[start:end]
        return bytes(
            self.storage.get_object(self.description["bucket"], self.description["key"], extra_get_args=headers)
        )


class _RangeStream(io.RawIOBase):
    """The bytes of a range as a file, fetched block by block."""

    def __init__(self, source: _Source, start: int, end: int) -> None:
        super().__init__()
        self.source = source
        self.start = start
        self.end = max(start, end)
        self.position = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position - self.start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self.start, io.SEEK_CUR: self.position, io.SEEK_END: self.end}[whence]
        self.position = min(max(base + offset, self.start), self.end)
        return self.tell()

    def readall(self) -> bytes:
        data = self.source.read(self.position, self.end)
        self.position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.source.read(self.position, min(self.end, self.position + len(buffer)))
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)
