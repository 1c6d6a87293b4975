from __future__ import annotations

import bz2
import gzip
import json
import lzma
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.objects import lines as module
from tests.jobs.remote.objects.test_tables import Opener, opened  # noqa: F401 - a fixture

LINES = ["one", "", "zwei ü", "  three  ", "4", "x" * 200, ""]


def lines(chunks: list[Any], **options: Any) -> list[str]:
    return [line for chunk in chunks for line in chunk.lines(**options)]


@pytest.fixture(params=[1, 3, 1 << 20])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that characters and line ends are cut, too, by what is read at once."""
    original = module.Chunk.text
    monkeypatch.setattr(
        module.Chunk, "text", lambda *args, **options: original(*args, **{**options, "block": request.param})
    )


@pytest.mark.parametrize("size", [None, 1, 4, 10, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_come_without_their_ends(opened: Opener, block: None, end: str, size: int | None) -> None:  # noqa: F811
    text = end.join(LINES)

    assert lines(opened(text, size)) == LINES[:-1]
    assert lines(opened("\ufeff" + text, size)) == LINES[:-1]
    assert lines(opened(text[:-1], size)) == LINES[:-1]
    assert lines(opened("", size)) == []


@pytest.mark.parametrize("size", [None, 10])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_encoding_of_spreadsheets_is_utf_8_whether_there_is_a_mark_or_not(
    opened: Opener,  # noqa: F811
    mark: str,
    size: int | None,
) -> None:
    assert lines(opened(mark + "\n".join(LINES), size), encoding="utf-8-sig") == LINES[:-1]


def test_lines_may_end_otherwise(opened: Opener, block: None) -> None:  # noqa: F811
    for newline in ("<end>", "\u2028", "\r\n"):
        assert lines(opened(newline.join(LINES), 7, newline=newline)) == LINES[:-1]


def test_a_chunk_can_be_read_more_than_once_and_beside_its_stream(opened: Opener) -> None:  # noqa: F811
    (chunk,) = opened("one\ntwo\n")

    assert chunk.data_stream.read(4) == b"one\n"
    assert lines([chunk, chunk]) == ["one", "two"] * 2
    assert chunk.data_stream.read() == b"two\n"


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_compressed_is_decompressed_whatever_its_name(
    opened: Opener,  # noqa: F811
    compress: Any,
) -> None:
    data = compress("a,b\n1,ü\n".encode() * 1000)

    for key in ("table.gz", "table"):
        (chunk,) = opened(data, key=key)
        assert lines([chunk])[:2] == ["a,b", "1,ü"]
        assert len(list(chunk.csv())) == 1999
        assert chunk.data_stream.read() == data
    with pytest.raises(ValueError, match=r"can't be decompressed|isn't text"):
        lines(opened(data[:-10]))


def test_what_is_compressed_is_not_split_or_says_that_it_can_not_be(opened: Opener) -> None:  # noqa: F811
    data = gzip.compress(json.dumps([*range(1000)]).encode())

    assert len(opened(data, 50, key="name.json.gz")) == 1
    for chunk in (chunk for chunk in opened(data, 500, key="name") if chunk.data_stream.peek()):
        for read in (chunk.lines, chunk.json_lines, chunk.csv):
            with pytest.raises(ValueError, match="leave obj_chunk_size and obj_chunk_number out"):
                list(read())


@pytest.mark.parametrize(("data", "kind"), [(b"PK\x03\x04...", "zip"), (b"\x28\xb5\x2f\xfd...", "zstd")])
def test_what_nothing_decompresses_is_an_error(opened: Opener, data: bytes, kind: str) -> None:  # noqa: F811
    with pytest.raises(ValueError, match=rf"is compressed \({kind}\): decompress obj.data_stream yourself"):
        lines(opened(data))


def test_an_object_that_goes_while_it_is_read_is_not_taken_for_damaged(
    opened: Opener,  # noqa: F811
    client: LithopsClient,
) -> None:
    from lithops.storage.utils import StorageNoSuchKeyError

    read = opened("one line\n" * (2 * module._BLOCK // 9), key="gone")[0].lines()
    assert next(read) == "one line"
    client.delete(client.bucket, ["test-tables/gone"])

    with pytest.raises(StorageNoSuchKeyError):
        list(read)


def test_what_is_no_text_says_so(opened: Opener) -> None:  # noqa: F811
    for data, options, complaint in (
        (b"caf\xe9\n", {}, "isn't text in utf-8: .*Give its encoding, as in encoding='latin-1'"),
        (b"a\n", {"encoding": "no-such"}, "unknown encoding: no-such"),
    ):
        with pytest.raises((ValueError, LookupError), match=complaint):
            lines(opened(data), **options)
    assert lines(opened(b"caf\xe9\n"), errors="replace") == ["caf\ufffd"]
    assert lines(opened(b"caf\xe9\n"), encoding="latin-1") == ["café"]


def test_chunks_that_are_not_cut_at_line_ends_have_no_lines(opened: Opener) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="isn't cut at line ends: leave obj_newline as it is"):
        lines(opened("one\ntwo\n", 3, newline=None))
    assert lines(opened("one\ntwo\n", newline=None)) == ["one", "two"]


@pytest.mark.parametrize("size", [None, 1, 20, 50])
def test_json_lines_are_values(opened: Opener, size: int | None) -> None:  # noqa: F811
    values = [{"a": "ü\n"}, [1, 2], None, "text", 5]
    text = "".join(json.dumps(value, ensure_ascii=False) + "\r\n \n" for value in values)

    assert [value for chunk in opened("\ufeff" + text, size) for value in chunk.json_lines()] == values


def test_a_line_that_is_no_json_is_named(opened: Opener, client: LithopsClient) -> None:  # noqa: F811
    with pytest.raises(ValueError, match=r"line 2 of test-tables/table.csv isn't JSON: .*'\{\"a\":'"):
        list(opened('{"a": 1}\n{"a":\n1}\n')[0].json_lines())
