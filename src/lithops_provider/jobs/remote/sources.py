"""
Reads byte ranges of an object, wherever it is: in a storage, at a URL or on this machine. Where functions run, chunks
of objects and results of other jobs are read by it.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .frames import ObjectChunk

#: Bytes that are read in one request.
BLOCK = 1 << 20
#: Bytes that one request of a stream reads at most. Each reads twice as many as the one before, as long as the reader
#: goes on where it was: whoever wants little gets little, and whoever wants all waits for few requests.
_LARGEST_BLOCK = 8 << 20


def open_source(storage: Any, description: ObjectChunk) -> Source:
    """
    Returns the source that reads an object.

    :param storage: a Lithops Storage of the object's backend; None for a path or a URL
    :param description: which object it is
    """
    if description["backend"] == "path":
        return _File(description["path"], description["size"])
    if description["backend"] == "url":
        return _Url(description["url"], description["size"])
    return StoredObject(storage, description["bucket"], description["key"], description["size"])


class ObjectChangedError(OSError):
    """An object isn't what it was when the job was sent."""


class Source:
    """
    An object of which byte ranges can be read.

    :param name: its name in errors
    :param size: the bytes that it had when the job was sent
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size

    def read(self, start: int, end: int) -> bytes:
        """
        Returns the bytes from ``start`` to before ``end``.

        :raises ObjectChangedError: the object has fewer bytes
        """
        if end <= start:
            return b""
        data = self._fetch(start, end)
        if len(data) < end - start:
            raise ObjectChangedError(f"{self.name} is shorter than the {self.size} bytes it had when the job was sent")
        return data[: end - start]

    def stream(self, start: int, end: int, block: int | None = None) -> io.BufferedReader:
        """
        Returns a range as a buffered binary file, which is fetched as it is read.

        :param start: number of its first byte
        :param end: number of the byte after its last
        :param block: bytes that are fetched at once; None for ``BLOCK`` at first and more later, or if the reader asks
            for more at once
        """
        return io.BufferedReader(_RangeStream(self, start, end, block), buffer_size=block or _LARGEST_BLOCK)

    def _fetch(self, start: int, end: int) -> bytes:
        raise NotImplementedError


class _File(Source):
    """A file of this machine."""

    def _fetch(self, start: int, end: int) -> bytes:
        with open(self.name, "rb") as file:
            file.seek(start)
            return file.read(end - start)


class StoredObject(Source):
    """An object in a storage."""

    def __init__(self, storage: Any, bucket: str, key: str, size: int) -> None:
        super().__init__(key, size)
        self._storage = storage
        self._bucket = bucket

    def _fetch(self, start: int, end: int) -> bytes:
        # Storages refuse, or answer with another status, a range that is all of an empty or a small object.
        extra = {} if (start, end) == (0, self.size) else {"Range": f"bytes={start}-{end - 1}"}
        return bytes(self._storage.get_object(self._bucket, self.name, extra_get_args=extra))


class _Url(Source):
    """An object at a URL. A server that doesn't support ranges answers with all of it, which is then kept."""

    def __init__(self, url: str, size: int) -> None:
        super().__init__(url, size)
        self._download: _Download | None = None

    def _fetch(self, start: int, end: int) -> bytes:
        import requests

        if self._download is None:
            # Ranges count bytes as they are stored, so the server must not compress them.
            headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
            response = requests.get(self.name, headers=headers, timeout=60, stream=True)
            response.raise_for_status()
            if response.status_code == 206:
                total = response.headers.get("content-range", "").rpartition("/")[2]
                if total.isdecimal() and int(total) != self.size:
                    raise ObjectChangedError(f"{self.name} has {total} bytes; when the job was sent it had {self.size}")
                data: bytes = response.raw.read(decode_content=False)
                return data
            self._download = _Download(response)
        return self._download.read(start, end)


class _Download:
    """The answer to a request. What was read of it is kept in a temporary file, so that it can be read again."""

    def __init__(self, response: Any) -> None:
        resources = contextlib.ExitStack()
        resources.callback(response.close)
        weakref.finalize(self, resources.close)  # functions don't close their obj
        self._response = response
        self._file = resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is entered
        self._size = 0

    def read(self, start: int, end: int) -> bytes:
        while self._size < end and (block := self._response.raw.read(BLOCK, decode_content=False)):
            self._file.seek(self._size)
            self._file.write(block)
            self._size += len(block)
        self._file.seek(start)
        return self._file.read(end - start)


class _RangeStream(io.RawIOBase):
    """The bytes of a range as a file, fetched block by block."""

    def __init__(self, source: Source, start: int, end: int, block: int | None) -> None:
        super().__init__()
        self.grows = block is None
        self.block = block or BLOCK
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
        position = min(max(base + offset, self.start), self.end)
        if self.grows and position != self.position:
            self.block = BLOCK  # what follows there may be all that is wanted
        self.position = position
        return self.tell()

    def readall(self) -> bytes:
        data = self.source.read(self.position, self.end)
        self.position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        if not self.grows or wanted <= _LARGEST_BLOCK:  # else the reader itself asks for that much
            wanted = min(wanted, self.block)
        data = self.source.read(self.position, min(self.end, self.position + wanted))
        buffer[: len(data)] = data
        self.position += len(data)
        if self.grows:
            self.block = min(2 * self.block, _LARGEST_BLOCK)
        return len(data)
