from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs import client as client_module
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, PrefixTakenError, StorageUnavailableError
from lithops_provider.jobs.outputs import target as module
from lithops_provider.jobs.outputs.target import Target, begin, check_free, finish, held, parse_target, put
from tests.jobs.standins import FailingStorage, times

MANIFEST = json.dumps({module.MARK: module.VERSION}).encode()


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
    finish(client, target, "job", MANIFEST, {"part-00000.csv"}, overwrite=True)
    assert names(client, target) == ["_SUCCESS", "manifest.json", "part-00000.csv"]


def test_a_bucket_that_is_not_there_is_told_at_once(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def list_keys(bucket: str, prefix: str) -> list[str]:
        asked.append(bucket)
        raise type("NotFoundError", (Exception,), {"status_code": 404})

    monkeypatch.setattr(client.storage, "list_keys", list_keys)

    with pytest.raises(InvalidInputError, match=r"results_to: there is no bucket 'b' for b/x/$"):
        check_free(client, parse_target(client, "b/x/"), overwrite=True)
    assert asked == ["b"]


def test_a_storage_that_fails_while_the_prefix_is_looked_at_is_asked_again(
    client: LithopsClient, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, target, "others.csv", b"a,b\n")
    monkeypatch.setattr(client_module, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(client._internal_storage, "storage", FailingStorage(client.storage, times(2, "list_keys")))

    assert check_free(client, target, overwrite=True) == [target.key("others.csv")]


def test_there_is_no_success_while_a_second_run_replaces_the_first(client: LithopsClient, target: Target) -> None:
    begin(client, target, "job", overwrite=False)
    for name in ("part-00000.csv", "part-00001.csv", "failures.json"):
        put(client, target, name, b"old")
    finish(client, target, "job", MANIFEST, {"part-00000.csv", "part-00001.csv", "failures.json"}, overwrite=False)
    put(client, target, "notes.txt", b"of somebody who reads them")

    begin(client, target, "next", overwrite=False)
    assert names(client, target) == ["_WRITING", "failures.json", "notes.txt", "part-00000.csv", "part-00001.csv"]

    begin(client, target, "next again", overwrite=False)  # the task was retried: there is no manifest, but it's ours
    put(client, target, "part-00000.csv", b"new")
    finish(client, target, "next again", MANIFEST, {"part-00000.csv"}, overwrite=False)
    assert names(client, target) == ["_SUCCESS", "manifest.json", "notes.txt", "part-00000.csv"]


def write(client: LithopsClient, target: Target, job: str, parts: int) -> None:
    """Writes files as a task does, each of which holds the name of the job."""
    begin(client, target, job, overwrite=False)
    written = {f"part-{number:05d}.csv" for number in range(parts)}
    for name in sorted(written):
        put(client, target, name, job.encode())
    finish(client, target, job, MANIFEST, written, overwrite=False)


def is_of_one_run(client: LithopsClient, target: Target) -> bool:
    """Tells whether there are the files of one run, and all of them, if anything says that they are complete."""
    found = names(client, target)
    parts = [client.get(target.bucket, target.key(name)) for name in found if name.startswith("part-")]
    return not {"_SUCCESS", "manifest.json"} & {*found} or parts in ([b"first"] * 3, [b"second"] * 2)


def test_whenever_a_run_dies_readers_take_all_of_one_run_or_nothing(client: LithopsClient, target: Target) -> None:
    reader, real, died, mixed = LithopsClient(client.config), client.storage, 0, []
    client.patience = 0.0
    over = False
    while not over:
        write(client, target, "first", 3)
        left = died

        def dies(name: str, key: str) -> bool:
            nonlocal left
            if not is_of_one_run(reader, target):
                mixed.append((name, key))
            left -= name in ("put_object", "delete_object", "delete_objects")
            return left < 0

        client._internal_storage.storage = FailingStorage(real, dies)
        try:
            write(client, target, "second", 2)
            over = True
        except StorageUnavailableError:
            died += 1
        client._internal_storage.storage = real
        write(client, target, "second", 2)  # the task is retried, if it wasn't done
        assert names(client, target) == ["_SUCCESS", "manifest.json", "part-00000.csv", "part-00001.csv"]
    assert mixed == []
    assert died > 5  # at the mark, both signs, two files, the file that is left over, both signs again


def test_of_two_runs_at_once_neither_says_that_its_files_are_complete(client: LithopsClient, target: Target) -> None:
    begin(client, target, "first", overwrite=False)
    begin(client, target, "second", overwrite=False)
    put(client, target, "part-00000.csv", b"of either")

    for job in ("first", "second"):
        with pytest.raises(PrefixTakenError, match=r"another run has begun to write under .*max_active_runs=1"):
            finish(client, target, job, MANIFEST, {"part-00000.csv"}, overwrite=False)
        assert names(client, target) == ["_WRITING", "part-00000.csv"]


def test_files_that_may_have_been_written_over_are_not_complete_any_more(client: LithopsClient, target: Target) -> None:
    begin(client, target, "first", overwrite=False)
    write(client, target, "second", 2)

    with pytest.raises(PrefixTakenError):
        held(client, target, "first")

    assert names(client, target) == ["_WRITING", "part-00000.csv", "part-00001.csv"]


def test_a_retry_goes_on_unless_another_job_had_the_prefix(client: LithopsClient, target: Target) -> None:
    first, again = (begin(client, target, "first", overwrite=False) for _ in range(2))
    assert first == again == held(client, target, "first")

    begin(client, target, "second", overwrite=False)

    assert begin(client, target, "first", overwrite=False) != first
