"""
Reads a chunk of an object as lines of text, decompressed and decoded, and as values of JSON lines: `obj.lines()` and
`obj.json_lines()` of chunks.py.
"""

from __future__ import annotations

import codecs
import importlib
import json
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..sources import Source

#: How compressed files begin, the name of the compression, and the module of the standard library that reads it.
_COMPRESSED = (
    (b"\x1f\x8b", "gzip", "gzip"),
    (b"BZh", "bzip2", "bz2"),
    (b"\xfd7zXZ\x00", "xz", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd", None),
    (b"PK\x03\x04", "zip", None),
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What the modules raise for a file that is damaged, beside EOFError and zlib.error.
_DAMAGED = ("BadGzipFile", "LZMAError")
#: Bytes that are decoded at once: of a chunk, and of the object's beginning where only its header is wanted.
_BLOCK = 1 << 20
_HEADER_BLOCK = 64 << 10


class Chunk:
    """
    The bytes of a chunk, as readers need them.

    :param source: the object
    :param start: where its first line begins
    :param end: where its last line ends
    :param cut: where the object was cut, before and after the chunk; these need not be line ends
    :param part: its number, from 1
    :param total_parts: how many chunks the object has
    :param newline: the text that ends lines; None if chunks weren't cut at line ends
    """

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        cut: tuple[int, int],
        part: int,
        total_parts: int,
        newline: str | None,
    ) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.cut = cut
        self.part = part
        self.total_parts = total_parts
        self.newline = newline

    @property
    def name(self) -> str:
        """Its name in errors."""
        return f"{self.source.name}, chunk {self.part} of {self.total_parts}" if self.split else self.source.name

    @property
    def split(self) -> bool:
        """Whether the object has other chunks."""
        return self.total_parts > 1

    def binary(self) -> Any:
        """
        Returns the chunk as a binary file, decompressed.

        :raises ValueError: the object is compressed, and is split or can't be decompressed here
        """
        stream = self.source.stream(self.start, self.end)
        return stream if self.start > 0 else self._decompressed(stream)

    def first_lines(self, encoding: str | None) -> Iterator[str]:
        """Yields the lines of the whole object from its beginning, since any chunk may need its header."""
        stream = self._decompressed(self.source.stream(0, self.source.size, _HEADER_BLOCK))
        beginning = Chunk(self.source, 0, self.source.size, (0, 0), 1, self.total_parts, self.newline)
        return beginning.text(encoding, "strict", keepends=True, binary=stream, block=_HEADER_BLOCK)

    def _decompressed(self, stream: Any) -> Any:
        head = stream.peek(8)
        for mark, kind, module in _COMPRESSED:
            if not head.startswith(mark):
                continue
            if self.split:
                raise ValueError(
                    f"{self.source.name} is compressed ({kind}), so it can't be read in chunks: leave obj_chunk_size "
                    "and obj_chunk_number out"
                )
            if module is None:
                raise ValueError(f"{self.source.name} is compressed ({kind}): decompress obj.data_stream yourself")
            return importlib.import_module(module).open(stream)
        return stream

    def text(
        self, encoding: str | None, errors: str, *, keepends: bool, binary: Any = None, block: int = _BLOCK
    ) -> Iterator[str]:
        """
        Yields the lines of the chunk.

        :param encoding: None for UTF-8, or what a byte order mark says
        :param errors: see `bytes.decode`
        :param keepends: whether lines keep their ends
        :param binary: where the bytes are read from; None to open the chunk
        :param block: bytes that are read at once
        :raises ValueError: the chunk isn't whole lines of text
        """
        encoding = without_mark(encoding)
        self._check_lines(encoding)
        stream = self.binary() if binary is None else binary
        encoding = encoding or self._encoding(stream)
        newline = self.newline or "\n"
        rest = ""
        for decoded in self._decoded(stream, encoding, errors, block):
            text = rest + decoded
            *lines, rest = text.split(newline)
            # Work for each line is left out where it changes none: it would take as long as splitting them.
            if keepends:
                lines = [line + newline for line in lines]
            elif "\r" in text:
                lines = [_without_return(line, newline) for line in lines]
            yield from lines
        if rest:
            yield rest if keepends else _without_return(rest, newline)

    def _decoded(self, stream: Any, encoding: str, errors: str, block: int) -> Iterator[str]:
        name = "utf-8-sig" if self.start == 0 and codecs.lookup(encoding).name == "utf-8" else encoding
        decoder = codecs.getincrementaldecoder(name)(errors)
        data = b"-"
        while data:
            try:
                data = stream.read(block)
                decoded = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{self.name} isn't text in {encoding}: {error}. Give its encoding, as in encoding='latin-1'; if "
                    "it is compressed, leave obj_chunk_size and obj_chunk_number out"
                ) from error
            except Exception as error:
                if isinstance(error, (EOFError, zlib.error)) or type(error).__name__ in _DAMAGED:
                    raise ValueError(f"{self.name} can't be decompressed: {error}") from error
                raise
            yield decoded

    def _check_lines(self, encoding: str | None) -> None:
        if not self.split:
            return
        leave_out = "leave obj_chunk_size and obj_chunk_number out, to read it as a whole"
        if self.newline is None:
            raise ValueError(f"{self.name} isn't cut at line ends: leave obj_newline as it is, or {leave_out}")
        if encoding is not None and self.newline.encode(encoding) != self.newline.encode():
            raise ValueError(f"{self.name} is cut at line ends of UTF-8, which text in {encoding} hasn't: {leave_out}")

    def _encoding(self, stream: Any) -> str:
        if self.start > 0 or not hasattr(stream, "peek"):
            return "utf-8"
        head = stream.peek(4)[:4]
        for mark, encoding in _BYTE_ORDER_MARKS:
            if head.startswith(mark):
                self._check_lines(encoding)
                return encoding
        return "utf-8"


def without_mark(encoding: str | None) -> str | None:
    """Returns UTF-8 for UTF-8 with a byte order mark, since that is left out at an object's beginning in any case."""
    return "utf-8" if encoding is not None and codecs.lookup(encoding).name == "utf-8-sig" else encoding


def _without_return(line: str, newline: str) -> str:
    return line[:-1] if newline == "\n" and line.endswith("\r") else line


def json_lines(chunk: Chunk) -> Iterator[Any]:
    """
    Yields the value of each line of a chunk, blank ones left out.

    :raises ValueError: a line isn't JSON
    """
    for number, line in enumerate(chunk.text(None, "strict", keepends=False), start=1):
        if not line or line.isspace():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number} of {chunk.name} isn't JSON: {error}: {line[:80]!r}") from error
        yield value
