from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.outputs import target as module
from lithops_provider.jobs.outputs.target import Target, begin, check_free, finish, parse_target, put


@pytest.fixture
def target(client: LithopsClient) -> Iterator[Target]:
    found = parse_target(client, f"{client.bucket}/results/{uuid.uuid4().hex}")
    yield found
    client.delete(found.bucket, client.keys(found.bucket, found.prefix))


def names(client: LithopsClient, target: Target) -> list[str]:
    return sorted(key.removeprefix(target.prefix) for key in client.keys(target.bucket, target.prefix))


@pytest.mark.parametrize("path", ["b/x/y", "b/x/y/", "localhost://b/x/y/"])
def test_a_prefix_of_the_connections_storage(client: LithopsClient, path: str) -> None:
    assert parse_target(client, path) == Target("b", "x/y/", path.rstrip("/") + "/")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (None, "results_to must be a prefix in the connection's storage"),
        ("", "results_to must be a prefix"),
        ("/tmp/x/", "results_to must be a prefix"),
        ("file:///tmp/x", "results_to must be a prefix"),
        ("https://host/x", "results_to must be a prefix"),
        ("bucket", "must name a bucket and a prefix in it"),
        ("bucket/", "must name a bucket and a prefix in it"),
        ("s3://bucket/x/", "write localhost://bucket/prefix/ or bucket/prefix/"),
        ("nowhere://bucket/x/", "the connection's storage, which is 'localhost'"),
        ("a://b://c", "is no prefix in a storage"),
        ("bucket/../x/", "can't have empty parts"),
        ("bucket/x//y/", "can't have empty parts"),
        ("bucket//y/", "can't have empty parts"),
        ("localhost://bucket//y", "can't have empty parts"),
        ("bucket/y//", "can't have empty parts"),
        ("bucket/x*/", "can't have empty parts"),
        ("bucket/\ud800/", "has characters that no key can have: 'bucket/\\ud800/'"),
        (f"bucket/{'é' * 128}/", "is too long: it may have 900 bytes, and 255 between two slashes"),
        (f"bucket/{'/'.join(['x' * 100] * 9)}/", "is too long"),
        ("bucket/lithops.jobs/x/", "where the jobs' own data lies"),
        ("bucket/lithops.jobs/", "where the jobs' own data lies"),
    ],
)
def test_what_is_no_prefix_is_an_error(client: LithopsClient, path: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match="results_to") as raised:
        parse_target(client, path)
    assert says in str(raised.value)


def test_s3_is_any_storage_that_speaks_it() -> None:
    class Minio:
        storage_backend = "minio"

    assert parse_target(Minio(), "s3://b/x/") == Target("b", "x/", "s3://b/x/")  # type: ignore[arg-type]


def test_what_is_not_ours_is_refused_unless_it_may_be_replaced(client: LithopsClient, target: Target) -> None:
    put(client, target, "others.csv", b"a,b\n")

    with pytest.raises(InvalidInputError, match=r"such as '.*others\.csv'.*results_overwrite=True"):
        check_free(client, target, overwrite=False)
    with pytest.raises(InvalidInputError, match=r"others\.csv"):
        begin(client, target, "job", overwrite=False)
    assert names(client, target) == ["others.csv"]

    begin(client, target, "job", overwrite=True)
    put(client, target, "part-00000.csv", b"a\n")
    finish(client, target, json.dumps({module.MARK: module.VERSION}).encode(), {"part-00000.csv"}, overwrite=True)
    assert names(client, target) == ["_SUCCESS", "manifest.json", "part-00000.csv"]


def test_there_is_no_success_while_a_second_run_replaces_the_first(client: LithopsClient, target: Target) -> None:
    begin(client, target, "job", overwrite=False)
    for name in ("part-00000.csv", "part-00001.csv", "failures.json"):
        put(client, target, name, b"old")
    finish(
        client,
        target,
        json.dumps({module.MARK: module.VERSION}).encode(),
        {"part-00000.csv", "part-00001.csv", "failures.json"},
        overwrite=False,
    )
    put(client, target, "notes.txt", b"of somebody who reads them")

    begin(client, target, "next", overwrite=False)
    assert names(client, target) == ["_WRITING", "failures.json", "notes.txt", "part-00000.csv", "part-00001.csv"]

    begin(client, target, "next again", overwrite=False)  # the task was retried: there is no manifest, but it's ours
    put(client, target, "part-00000.csv", b"new")
    finish(client, target, json.dumps({module.MARK: module.VERSION}).encode(), {"part-00000.csv"}, overwrite=False)
    assert names(client, target) == ["_SUCCESS", "manifest.json", "notes.txt", "part-00000.csv"]
