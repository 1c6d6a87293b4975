from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.inputs.objects import _chunks
from lithops_provider.jobs.remote import sources
from lithops_provider.jobs.remote.objects.chunks import open_chunk

KEY = "test-objects/object"


def chunks(
    client: LithopsClient,
    data: bytes,
    size: int | None = None,
    number: int | None = None,
    newline: str | None = "\n",
) -> list[Any]:
    client.storage.put_object(client.bucket, KEY, data)
    whole = {"backend": "localhost", "bucket": client.bucket, "key": KEY, "size": len(data)}
    return [open_chunk(client.storage, piece) for piece in _chunks(whole, size, number, newline)]


#: Objects, and the newline that their lines end with.
DOCUMENTS = {
    "lines": (b"one\ntwo\nthree\n", "\n"),
    "no final newline": (b"one\ntwo\nthree", "\n"),
    "one line": (b"a single line that is longer than most chunks", "\n"),
    "only newlines": (b"\n\n\n\n", "\n"),
    "empty lines": (b"\n\none\n\n\ntwo\n", "\n"),
    "one byte": (b"x", "\n"),
    "one newline": (b"\n", "\n"),
    "lines of all lengths": (b"".join(b"x" * length + b"\n" for length in range(12)), "\n"),
    "crlf": (b"one\r\ntwo\r\n\r\nthree\r\n", "\r\n"),
    "crlf without the last": (b"one\r\ntwo\r", "\r\n"),
    "halves of the newline": (b"a\rb\nc\r\nd\r\re\n\nf\r\n", "\r\n"),
    "long newline": (b"one<end>two<en<end>three<end>", "<end>"),
    "newline of several bytes": ("eins\u2028zwei\u2028\u2028drei".encode(), "\u2028"),
    "binary": (bytes(range(256)), "\n"),
}


def lines_of(data: bytes, newline: bytes) -> list[bytes]:
    pieces = data.split(newline)
    lines = [piece + newline for piece in pieces[:-1]]
    return [*lines, pieces[-1]] if pieces[-1] else lines


@pytest.mark.parametrize("name", DOCUMENTS)
def test_chunks_of_any_size_are_whole_lines_and_together_the_object(client: LithopsClient, name: str) -> None:
    data, newline = DOCUMENTS[name]
    end = newline.encode()
    for size in [*range(1, min(len(data), 40) + 2), len(data) * 2]:
        read = [chunk.data_stream.read() for chunk in chunks(client, data, size=size, newline=newline)]

        assert b"".join(read) == data, f"chunks of {size}"
        assert [line for chunk in read for line in lines_of(chunk, end)] == lines_of(data, end), f"chunks of {size}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_number_of_chunks_are_whole_lines_and_together_the_object(client: LithopsClient, name: str) -> None:
    data, newline = DOCUMENTS[name]
    end = newline.encode()
    for number in [1, 2, 3, 5, 7, len(data), len(data) + 1]:
        read = [chunk.data_stream.read() for chunk in chunks(client, data, number=number, newline=newline)]

        assert len(read) == min(number, len(data))
        assert b"".join(read) == data
        assert [line for chunk in read for line in lines_of(chunk, end)] == lines_of(data, end)


@pytest.mark.parametrize("block", [2, 3, 7])
def test_blocks_that_cut_newlines_do_no_harm(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    for data, newline in DOCUMENTS.values():
        monkeypatch.setattr(sources, "BLOCK", 1 << 20)
        expected = [chunk.data_stream.read() for chunk in chunks(client, data, size=5, newline=newline)]
        monkeypatch.setattr(sources, "BLOCK", block)

        assert [chunk.data_stream.read() for chunk in chunks(client, data, size=5, newline=newline)] == expected


def test_without_a_newline_chunks_have_exactly_their_size(client: LithopsClient) -> None:
    read = [chunk.data_stream.read() for chunk in chunks(client, b"one\ntwo\nthree", size=5, newline=None)]

    assert read == [b"one\nt", b"wo\nth", b"ree"]


def test_a_line_belongs_to_the_chunk_in_which_it_begins(client: LithopsClient) -> None:
    read = [chunk.data_stream.read() for chunk in chunks(client, b"long line\nb\nc\n", size=5)]

    assert read == [b"long line\n", b"", b"b\nc\n"]


def test_an_object_that_is_not_split_is_read_as_it_is(client: LithopsClient) -> None:
    (chunk,) = chunks(client, b"no newline at the end")

    assert chunk.data_stream.read() == b"no newline at the end"


@pytest.mark.parametrize("limits", [{}, {"size": 10}, {"number": 3}])
def test_an_empty_object_is_one_empty_chunk(client: LithopsClient, limits: dict[str, int]) -> None:
    (chunk,) = chunks(client, b"", **limits)

    assert chunk.data_stream.read() == b""
    assert list(chunk.data_stream) == []


# -- ways to read ----------------------------------------------------------------------------------------------

TEXT = b"".join(b"line %d\n" % number for number in range(200))


@pytest.fixture(params=[None, 37, 1000], ids=["whole", "small chunks", "chunks"])
def parts(request: pytest.FixtureRequest, client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(sources, "BLOCK", 64)  # so that reading takes several requests
    return chunks(client, TEXT, size=request.param)


def test_iteration_gives_lines(parts: list[Any]) -> None:
    assert [line for part in parts for line in part.data_stream] == TEXT.splitlines(keepends=True)


def test_readline_gives_lines(parts: list[Any]) -> None:
    lines = [line for part in parts for line in iter(part.data_stream.readline, b"")]

    assert lines == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("size", [1, 10, 10_000])
def test_read_gives_so_many_bytes(parts: list[Any], size: int) -> None:
    pieces = [piece for part in parts for piece in iter(partial(part.data_stream.read, size), b"")]

    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= size


def test_readinto_and_peek(parts: list[Any]) -> None:
    stream = parts[0].data_stream
    buffer = bytearray(4)

    assert stream.peek(4)[:4] == TEXT[:4]
    assert stream.readinto(buffer) == 4
    assert buffer == TEXT[:4]


def test_seek_and_tell_are_within_the_chunk(parts: list[Any]) -> None:
    for part in parts:
        stream = part.data_stream
        data = stream.read()
        assert stream.tell() == len(data)
        assert stream.seek(0) == 0
        assert stream.read() == data
        assert stream.seek(2) == 2
        assert stream.read(3) == data[2:5]
        assert stream.seek(-3, io.SEEK_END) == max(0, len(data) - 3)
        assert stream.read() == data[-3:]
        stream.seek(1)
        stream.seek(1, io.SEEK_CUR)
        assert stream.read(1) == data[2:3]


def test_it_can_be_read_as_text_and_as_csv(parts: list[Any]) -> None:
    import csv

    rows = [row for part in parts for row in csv.reader(io.TextIOWrapper(part.data_stream, encoding="utf-8"))]

    assert rows == [[f"line {number}"] for number in range(200)]


def test_a_chunk_is_read_as_needed_not_as_a_whole(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    (chunk,) = chunks(client, bytes(10 << 20), newline=None)
    read: list[int] = []
    original = sources.Source.read

    def note(self: Any, start: int, end: int) -> bytes:
        read.append(end - start)
        return original(self, start, end)

    monkeypatch.setattr(sources.Source, "read", note)
    chunk.data_stream.read(10)

    assert read == [sources.BLOCK]


def test_the_attributes_are_those_of_lithops(client: LithopsClient) -> None:
    one, two = chunks(client, b"one\ntwo\n", size=4)

    assert (one.backend, one.bucket, one.key) == ("localhost", client.bucket, KEY)
    assert [(part.part, part.total_parts) for part in (one, two)] == [(1, 2), (2, 2)]
    assert [part.data_byte_range for part in (one, two)] == [(0, 3), (4, 7)]
    assert [part.chunk_size for part in (one, two)] == [4, 4]
    assert one.newline == "\n"


# -- other places ----------------------------------------------------------------------------------------------


def test_a_file_of_this_machine(tmp_path: Path, client: LithopsClient) -> None:
    path = tmp_path / "file"
    path.write_bytes(TEXT)
    pieces = _chunks({"backend": "path", "path": str(path), "size": len(TEXT)}, 100, None, "\n")

    opened = [open_chunk(client.storage, piece) for piece in pieces]

    assert b"".join(chunk.data_stream.read() for chunk in opened) == TEXT
    assert opened[0].path == str(path)


def test_an_object_that_shrank_is_an_error_not_an_endless_search(client: LithopsClient) -> None:
    client.storage.put_object(client.bucket, KEY, b"short")
    description = {"backend": "localhost", "bucket": client.bucket, "key": KEY, "size": 1_000_000}
    pieces = _chunks(description, 100_000, None, "\n")

    with pytest.raises(OSError, match=r"test-objects/object.*is shorter than"):
        open_chunk(client.storage, pieces[1])
