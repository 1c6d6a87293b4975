from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.inputs.objects import _chunks
from lithops_provider.jobs.remote.objects.chunks import open_chunk

Opener = Callable[..., list[Any]]
ROWS = [{"name": f"n{number}", "größe": "ä" * (number % 7), "value": str(number)} for number in range(40)]
HEADER = "name,größe,value\n"
TEXT = HEADER + "".join(f"{','.join(row.values())}\n" for row in ROWS)
QUOTED = HEADER + '1,"two\nlines",3\n' + "4,5,6\n" * 20


@pytest.fixture
def opened(client: LithopsClient) -> Opener:
    """Stores an object and opens its chunks."""

    def open_all(
        data: str | bytes, size: int | None = None, *, key: str = "table.csv", newline: Any = "\n"
    ) -> list[Any]:
        raw = data.encode() if isinstance(data, str) else data
        client.storage.put_object(client.bucket, f"test-tables/{key}", raw)
        described = {"backend": "localhost", "bucket": client.bucket, "key": f"test-tables/{key}", "size": len(raw)}
        return [open_chunk(client.storage, piece) for piece in _chunks(described, size, None, newline)]

    return open_all


def rows(chunks: list[Any], **fmt: Any) -> list[dict[str, str]]:
    return [row for chunk in chunks for row in chunk.csv(**fmt)]


@pytest.mark.parametrize("size", [None, 1, 5, len(HEADER.encode()), 30, 100, 333, 10_000])
@pytest.mark.parametrize(
    "text",
    [TEXT, TEXT.rstrip("\n"), TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, TEXT.replace("\n", "\n\n")],
    ids=["lines", "no end", "crlf", "bom", "blank lines"],
)
def test_every_row_of_every_chunk_is_read_by_the_header(opened: Opener, size: int | None, text: str) -> None:
    assert rows(opened(text, size)) == ROWS
    assert rows(opened(text, size)) == list(csv.DictReader(io.StringIO(text.lstrip("\ufeff").replace("\n\n", "\n"))))


@pytest.mark.parametrize("size", [None, 1, 50])
@pytest.mark.parametrize("text", ["", HEADER, HEADER.rstrip("\n")])
def test_a_table_without_rows(opened: Opener, size: int | None, text: str) -> None:
    assert rows(opened(text, size)) == []


def test_a_header_longer_than_what_is_read_of_it_at_once(opened: Opener) -> None:
    names = [f"column {number:08}" for number in range(10_000)]
    text = "\n".join([",".join(names), *[",".join(["1"] * len(names))] * 5])

    assert rows(opened(text, 50_000)) == [dict.fromkeys(names, "1")] * 5


def test_the_format_is_that_of_the_csv_module(opened: Opener) -> None:
    text = "a;b\n'1;2';3\n" * 1 + "'4;5';6\n" * 10

    found = rows(opened(text, 20), delimiter=";", quotechar="'")

    assert found == [{"a": "1;2", "b": "3"}, *[{"a": "4;5", "b": "6"}] * 10]
    assert rows(opened(text, 20), fieldnames=["x", "y"], delimiter=";", quotechar="'")[0] == {"x": "a", "y": "b"}
    assert rows(opened('a\tb\n1\t2"\n' + '3"\t4\n' * 9, 8), delimiter="\t", quoting=csv.QUOTE_NONE)[1]["a"] == '3"'


@pytest.mark.parametrize("size", [None, 5, len(HEADER.encode()), 50])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_encoding_of_spreadsheets(opened: Opener, mark: str, size: int | None) -> None:
    assert rows(opened(mark + TEXT, size), encoding="utf-8-sig") == ROWS


def test_other_encodings(opened: Opener) -> None:
    for encoding in ("latin-1", "cp1252", "gb18030"):
        assert rows(opened(TEXT.encode(encoding), 50), encoding=encoding) == ROWS
    assert rows(opened(TEXT.encode("utf-16"))) == rows(opened(TEXT.encode("utf-16")), encoding="utf-16") == ROWS
    for encoding in (None, "utf-16"):
        for chunk in opened(TEXT.encode("utf-16"), 50)[:2]:
            with pytest.raises(ValueError, match=r"leave obj_chunk_size and obj_chunk_number out"):
                list(chunk.csv(encoding=encoding))


@pytest.mark.parametrize(
    "text",
    [
        QUOTED,
        HEADER + '1,"two\n""lines""\n",3\n' + "4,5,6\n" * 20,
        HEADER + '1,"\n\n\n4,5,6\n4,5,6\n",3\n' + '4,"5",6\n' * 20,
        HEADER + '1,"two\n, x,"" y",3\n' + '"4","5","6"\n' * 20,
        '"name\nof it",b,c\n' + "4,5,6\n" * 20,
        HEADER + '1,"' + "long text\n" * 30 + '",3\n' + "4,5,6\n" * 20,
    ],
    ids=["plain", "doubled quotes", "rows within a field", "delimiters", "header", "longer than chunks"],
)
def test_a_row_that_an_edge_cuts_is_an_error_never_another_row(opened: Opener, text: str) -> None:
    expected = [tuple(row.values()) for row in csv.DictReader(io.StringIO(text))]
    assert [tuple(row.values()) for row in rows(opened(text))] == expected
    for size in range(1, len(text)):
        found: list[tuple[str, ...]] = []
        refused = 0
        complaints = {True}
        chunks = opened(text, size)
        for chunk in chunks:
            try:
                found += [tuple(row.values()) for row in chunk.csv()]
            except ValueError as error:
                refused += 1
                complaints.add("read the object as a whole" in str(error))
        assert complaints == {True}, size
        if refused:
            assert set(found) <= set(expected), size
        else:
            assert found == expected, size


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2,3\n", r"row 2 of .* has 3 fields, and the header 2"),
        ("a,b\n1\n", r"row 2 of .* has 1 fields, and the header 2"),
        ("a,a\n1,2\n", r"has 'a' twice: give fieldnames"),
        ('a,b\n1,"2\n', r"ends within a quoted field"),
        ("a,b\n1,\x00\r2\n", r"row 2 of .*"),
    ],
)
def test_what_is_no_table_is_an_error_that_says_where(opened: Opener, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        rows(opened(text))


def test_rows_may_be_longer_or_shorter_where_that_is_said(opened: Opener) -> None:
    assert rows(opened("a,b\n1\n1,2,3\n"), restkey="more", restval="") == [
        {"a": "1", "b": ""},
        {"a": "1", "b": "2", "more": ["3"]},
    ]


# -- pandas ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, 1, 30, 100, 333])
def test_chunks_are_data_frames_of_the_same_columns(opened: Opener, size: int | None) -> None:
    pandas = pytest.importorskip("pandas")
    options = {"dtype": {"value": "int64"}, "usecols": ["name", "value"], "keep_default_na": False}

    frames = [chunk.dataframe(**options) for chunk in opened(TEXT, size)]

    assert {tuple(frame.columns) for frame in frames} == {("name", "value")}
    whole = pandas.read_csv(io.StringIO(TEXT), **options)
    # Without rows pandas knows no types.
    together = pandas.concat([frame for frame in frames if len(frame)], ignore_index=True)
    pandas.testing.assert_frame_equal(together, whole)


def test_data_frames_of_tables_without_header_or_rows(opened: Opener) -> None:
    pytest.importorskip("pandas")

    assert opened("")[0].dataframe().empty
    frames = [chunk.dataframe(header=None, names=["a", "b"]) for chunk in opened("1,2\n3,4\n5,6\n", 4)]
    assert [list(frame["a"]) for frame in frames] == [[1], [3], [5]]
    assert [len(chunk.dataframe()) for chunk in opened(TEXT, 5)[1:3]] == [0, 0]
    for names in (["a", "b"], None):  # some chunks of two bytes have no beginning of a line
        frames = [chunk.dataframe(header=None, names=names) for chunk in opened("1,2\n3,4\n", 2)]
        assert [frame.to_numpy().tolist() for frame in frames] == [[[1, 2]], [], [[3, 4]], []]


def test_a_chunk_whose_first_row_does_not_fit_the_header_is_no_data_frame(opened: Opener) -> None:
    pytest.importorskip("pandas")
    text = "a,b\n1,2\n" + "3,4,5\n"  # pandas itself would take the first field for an index

    with pytest.raises(ValueError, match=r"the first row of .*, chunk 2 of 2 has 3 fields, and the header 2"):
        opened(text, 8)[1].dataframe()


def test_a_cut_row_is_no_row_of_a_data_frame(opened: Opener) -> None:
    pytest.importorskip("pandas")
    for size in range(1, len(QUOTED.encode())):
        found: list[Any] = []
        refused = 0
        complaints = {True}
        for chunk in opened(QUOTED, size):
            try:
                found += chunk.dataframe().astype(str).to_numpy().tolist()
            except ValueError as error:
                refused += 1
                complaints.add("read the object as a whole" in str(error))
        assert complaints == {True}, size
        assert all(row in (["1", "two\nlines", "3"], ["4", "5", "6"]) for row in found), (size, found)
        assert refused or len(found) == 21


def test_options_for_whole_files_are_refused_for_chunks(opened: Opener) -> None:
    pytest.importorskip("pandas")
    for options in ({"nrows": 1}, {"skiprows": 1}, {"header": 3}):
        with pytest.raises(ValueError, match="is for whole files"):
            opened(TEXT, 100)[0].dataframe(**options)
        assert len(opened(TEXT)[0].dataframe(**options)) > 0


def test_without_pandas_it_says_where_to_install_it(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="needs pandas here, where the function runs: install it"):
        opened(TEXT)[0].dataframe()


@pytest.mark.parametrize("key", ["table.parquet", "part-0000"])
@pytest.mark.parametrize("size", [None, 100, 700, 5000, 100_000])
def test_parquet_is_read_by_whole_row_groups_each_once(opened: Opener, key: str, size: int | None) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"number": range(1000), "text": [f"text {number}\n" for number in range(1000)]})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=150)

    read = [chunk.dataframe() for chunk in opened(buffer.getvalue(), size, key=key)]
    numbers = [chunk.dataframe(columns=["number"]) for chunk in opened(buffer.getvalue(), size, key=key)]

    assert all(len(part) % 150 in (0, 100) for part in read)
    pandas.testing.assert_frame_equal(pandas.concat(read, ignore_index=True), frame)
    pandas.testing.assert_frame_equal(pandas.concat(numbers, ignore_index=True), frame[["number"]])
    assert list(itertools.chain(*(part.columns for part in numbers))) == ["number"] * len(numbers)


def test_parquet_takes_no_options_of_csv(opened: Opener) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    buffer = io.BytesIO()
    pandas.DataFrame({"a": [1]}).to_parquet(buffer)

    with pytest.raises(TypeError, match=r"is Parquet, of which obj.dataframe\(\) takes columns"):
        opened(buffer.getvalue())[0].dataframe(usecols=["a"])
