"""Objects in real object storage as items: what paths stand for, and what the functions read."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageRefusedError
from lithops_provider.jobs.inputs.objects import bind_objects
from lithops_provider.jobs.inputs.reduce import bind_reduce, reduce_items
from tests.backends.backends import Servers
from tests.backends.conftest import Connected, add_connection, backend_params, connect, with_wrong_keys
from tests.backends.functions import count_zipped, describe, gather, rows_of_frame, rows_of_table, size
from tests.backends.server import Server
from tests.backends.test_backends import done

BUCKET = "data"
LINES = [f"{number}:{'ä' * (number % 50)}" for number in range(5_000)]
LONG = b"x" * 3_000_000
OBJECTS = {
    "text/lines.txt": "".join(f"{line}\n" for line in LINES).encode(),
    "text/empty.txt": b"",
    "text/long.txt": b"first\n" + LONG + b"\nlast",
    "text/sub/other.txt": b"other\n",
    "text/table.csv": b"a,b\n",
    "größe/日本 語+&=%?#'.txt": "grüße\n".encode(),
    "zipped.gz": gzip.compress(b"line\n" * 1000),
    "tables/table.csv": b"number,text\n" + b"".join(b"%d,text %d\n" % (number, number) for number in range(5_000)),
}
MANY = 1_000


#: Where functions read objects: aws_s3, ceph and ibm_cos are minio's client, or its like, on the same server.
RUN_ON = ("minio", "azure_storage", "gcp_storage", "swift")
#: Where a path may begin with ``s3://``.
S3 = ("minio", "aws_s3", "ceph")

runs_functions = pytest.mark.parametrize("connected", backend_params(RUN_ON), indirect=True, scope="module")
_filled: set[type[Server]] = set()


@pytest.fixture(scope="module", params=backend_params(["aws_s3", "ceph", "ibm_cos", *RUN_ON]))
def connected(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Connected]:
    """A connection to a server that has all objects of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        found = connect(request.param, servers, patch)
        if not _filled.issuperset(found.backend.needs):
            fill(found.client().storage)
            _filled.update(found.backend.needs)
        yield found


def fill(storage: Any) -> None:
    storage.create_bucket(BUCKET)
    many = {f"many/{number:04d}": b"." * (number % 7) for number in range(MANY)}
    with ThreadPoolExecutor(8) as pool:
        puts = [pool.submit(storage.put_object, BUCKET, *item) for item in {**OBJECTS, **many}.items()]
    for put in puts:
        put.result()


def found(client: LithopsClient, iterdata: Any, **options: Any) -> list[tuple[str, int]]:
    """Returns the keys and sizes that items stand for."""
    _, items, _ = bind_objects(client, size, iterdata, **options)
    return [
        (place["key"], place["end"] - place["start"]) for place in (special["object"][1] for _, _, special in items)
    ]


def keys(client: LithopsClient, iterdata: Any) -> list[str]:
    return [key for key, _ in found(client, iterdata)]


def test_what_paths_stand_for(client: LithopsClient) -> None:
    schemes = ["", f"{client.storage_backend}://", *(["s3://"] if client.storage_backend in S3 else [])]
    texts = sorted(key for key in OBJECTS if key.startswith("text/"))

    for root in (f"{scheme}{BUCKET}" for scheme in schemes):
        assert keys(client, f"{root}/text/table.csv") == ["text/table.csv"]
        assert keys(client, f"{root}/text/") == texts
        assert keys(client, f"{root}/text/*.txt") == [
            key for key in texts if key.endswith(".txt") and key.count("/") == 1
        ]
        assert keys(client, f"{root}/text/**/*.txt") == [key for key in texts if key.endswith(".txt")]
        assert keys(client, f"{root}/gr*/*") == [key for key in OBJECTS if key.startswith("größe")]
        assert len(keys(client, root)) == len(OBJECTS) + MANY


@runs_functions
def test_keys_are_any_text(client: LithopsClient) -> None:
    (key,) = (key for key in OBJECTS if key.startswith("größe"))
    run = done(client, "map", bind_objects(client, describe, [f"{BUCKET}/{key}", f"{BUCKET}/größe/"])[:2])

    assert run.results() == [(key, 1, 1, ["grüße\n"])] * 2


@pytest.mark.parametrize(
    "limits", [{"chunk_size": 20_000}, pytest.param({"chunk_number": 7}, marks=pytest.mark.thorough)]
)
@runs_functions
def test_chunks_are_whole_lines_and_together_the_object(client: LithopsClient, limits: dict[str, int]) -> None:
    binding, items, _ = bind_objects(client, describe, f"{BUCKET}/text/lines.txt", **limits)
    results = done(client, "map", (binding, items)).results()

    assert [line for *_, lines in results for line in lines] == [f"{line}\n" for line in LINES]
    assert [part for _, part, _, _ in results] == list(range(1, len(items) + 1))
    assert len(items) == limits.get("chunk_number", -(-len(OBJECTS["text/lines.txt"]) // 20_000))


@runs_functions
def test_a_line_longer_than_many_chunks_is_in_the_one_it_begins_in(client: LithopsClient) -> None:
    binding, items, _ = bind_objects(client, size, f"{BUCKET}/text/long.txt", chunk_size=500_000)
    sizes = done(client, "map", (binding, items)).results()

    assert sizes == [len(b"first\n") + len(LONG) + 1, *[0] * (len(items) - 2), len(b"last")]


@pytest.mark.thorough  # tests/jobs/inputs has it on this machine, and storages have no part in it
@runs_functions
def test_each_object_has_a_reducer_of_its_own_the_empty_one_too(client: LithopsClient) -> None:
    paths = [f"{BUCKET}/text/empty.txt", f"{BUCKET}/text/lines.txt", f"{BUCKET}/text/table.csv"]
    binding, items, chunks = bind_objects(client, describe, paths, chunk_number=3)
    mapped = done(client, "map", (binding, items))
    reduced = done(client, "reduce", (bind_reduce(gather), reduce_items(client, mapped.job, chunks)))

    assert chunks == [1, 3, 3]
    assert reduced.results() == [["text/empty.txt", 0], ["text/lines.txt", len(LINES)], ["text/table.csv", 1]]


@pytest.mark.parametrize("function", [rows_of_table, pytest.param(rows_of_frame, marks=pytest.mark.thorough)])
@runs_functions
def test_rows_of_all_chunks_are_read_by_the_header(client: LithopsClient, function: Any) -> None:
    binding, items, _ = bind_objects(client, function, f"{BUCKET}/tables/table.csv", chunk_size=10_000)
    results = done(client, "map", (binding, items)).results()

    assert len(results) > 5
    assert [row for rows in results for row in rows] == [[number, f"text {number}"] for number in range(5_000)]


@runs_functions
def test_row_groups_of_parquet_are_read_once_whatever_the_chunks(client: LithopsClient) -> None:
    import pandas

    buffer = io.BytesIO()
    pandas.DataFrame({"number": range(5_000), "text": [f"text {number}" for number in range(5_000)]}).to_parquet(
        buffer, row_group_size=700
    )
    client.storage.put_object(client.bucket, "tables/table.parquet", buffer.getvalue())
    binding, items, _ = bind_objects(client, rows_of_frame, f"{client.bucket}/tables/table.parquet", chunk_size=5_000)
    results = done(client, "map", (binding, items)).results()

    assert {len(rows) % 700 for rows in results} == {0, 5_000 % 700}
    assert [row for rows in results for row in rows] == [[number, f"text {number}"] for number in range(5_000)]


@runs_functions
def test_a_compressed_object_is_read_as_a_stream(client: LithopsClient) -> None:
    run = done(client, "map", bind_objects(client, count_zipped, f"{BUCKET}/zipped.gz")[:2])

    assert run.results() == [1000]


@pytest.mark.thorough  # more keys than a storage lists at once are in `test_what_paths_stand_for`, too
@runs_functions
def test_a_thousand_keys_are_a_thousand_items(client: LithopsClient) -> None:
    named = [f"{BUCKET}/many/{number:04d}" for number in range(MANY)]
    run = done(client, "map", bind_objects(client, size, f"{BUCKET}/many/")[:2])

    assert run.results() == [number % 7 for number in range(MANY)]
    assert found(client, named) == found(client, f"{BUCKET}/many/")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("data/text/no", "there is no object data/text/no"),
        ("data/text", "for all objects under it, write data/text/"),
        ("data/no/", "there is no object data/no/"),
        ("data/text/*.png", r"there is no object data/text/\*.png"),
        ("no-such-bucket/key", "there is no object no-such-bucket/key"),
        ("no-such-bucket/prefix/", "there is no object no-such-bucket/prefix/"),
        ("no-such-bucket", "there is no object no-such-bucket in"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(client: LithopsClient, path: str, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=f"item 0: .*{complaint}"):
        bind_objects(client, size, [path])


@pytest.mark.parametrize("path", ["data/text/table.csv", "data/text/", "data/text/*"])
def test_keys_that_may_not_read_it_are_an_error_that_says_so(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = connected.client()
    assert client.bucket
    add_connection(monkeypatch, "lithops_wrong", with_wrong_keys(connected))
    with pytest.raises(StorageRefusedError, match="refused the credentials"):
        bind_objects(connected.client("lithops_wrong"), size, path)
