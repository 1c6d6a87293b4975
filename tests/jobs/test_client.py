"""Requests to a storage: what is repeated, what is not, and how much is asked at once."""

from __future__ import annotations

import copy
import errno
import os
from typing import Any

import pytest

from lithops_provider.jobs import client as module
from lithops_provider.jobs.adapter.compute import Compute
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import (
    ConfigurationError,
    LithopsJobError,
    StorageRefusedError,
    StorageUnavailableError,
)
from tests.jobs.lithops_configs import no_libraries  # noqa: F401 - a fixture
from tests.jobs.made import make_job
from tests.jobs.standins import FailingStorage, times


def test_many_objects_are_deleted_by_many_requests_each_with_a_time_of_its_own(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[list[str]] = []
    monkeypatch.setattr(client.storage, "delete_objects", lambda bucket, keys: deleted.append(keys))
    keys = [f"key-{number:05d}" for number in range(2_500)]
    client.delete(client.bucket, keys)

    assert sorted(map(len, deleted)) == [500, 1_000, 1_000]
    assert sorted(key for piece in deleted for key in piece) == keys


def test_an_object_of_many_that_cannot_be_deleted_is_an_error(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(bucket: str, keys: list[str]) -> None:
        if "key-01999" in keys:
            raise OSError("it is stuck")

    impatient = LithopsClient(client.config, patience=0.0)
    monkeypatch.setattr(impatient.storage, "delete_objects", delete)

    with pytest.raises(StorageUnavailableError, match="it is stuck"):
        impatient.delete(client.bucket, [f"key-{number:05d}" for number in range(2_500)])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("reading", [False, True])
def test_what_will_not_pass_is_not_tried_again(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, number: int, reading: bool
) -> None:
    tries = []

    def fail(*args: object, **kwargs: object) -> None:
        tries.append(args)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(client.storage.storage_handler, "put_object", fail)
    monkeypatch.setattr("builtins.open", fail) if reading else None
    with pytest.raises(StorageRefusedError, match=os.strerror(number)):
        client.get(client.bucket, "some/key") if reading else client.put("some/key", b"x")
    assert len(tries) == 1


def test_what_passes_is_tried_again(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    client.patience = 0.5
    monkeypatch.setattr(client.storage.storage_handler, "put_object", fail)
    with pytest.raises(StorageUnavailableError) as raised:
        client.put("some/key", b"x")
    assert type(raised.value) is StorageUnavailableError


def test_json_that_is_cut_off_counts_as_missing(client: LithopsClient) -> None:
    client.put("some/json", b'{"a": 1}')
    client.put("some/torn", b'{"a":')
    client.put("some/list", b"[1]")

    found = [client.get_json(client.bucket, f"some/{name}") for name in ("json", "torn", "list", "nothing")]

    assert found == [{"a": 1}, None, None, None]


def test_what_ends_too_early_is_read_as_far_as_it_is_there(client: LithopsClient) -> None:
    client.put("some/key", b"0123456789")

    assert client.get_range(client.bucket, "some/key", 8, 20) == b"89"
    assert client.get_range(client.bucket, "some/other", 8, 20) is None


def test_a_job_of_another_bucket_is_not_looked_for_here(client: LithopsClient) -> None:
    client.check_holds(make_job(bucket=client.bucket))
    with pytest.raises(StorageUnavailableError, match="is in localhost://other, but the configuration is for"):
        client.check_holds(make_job(bucket="other"))


def test_an_object_is_written_piece_by_piece_and_anew_after_a_failure(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [bytes([number]) * (1 << number) for number in range(20)]
    write = client.storage.put_object
    failures = iter([OSError("the connection was cut")])

    def put(bucket: str, key: str, data: Any) -> None:
        if failure := next(failures, None):
            data.read()
            raise failure
        write(bucket, key, data)

    monkeypatch.setattr(client.storage, "put_object", put)
    client.put_pieces("lithops.jobs/pieces", lambda: iter(pieces), sum(map(len, pieces)))

    assert client.get(client.bucket, "lithops.jobs/pieces") == b"".join(pieces)


def test_other_storages_get_all_pieces_at_once(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LithopsClient, "storage_backend", "aws_s3")
    written: list[Any] = []
    monkeypatch.setattr(client.storage, "put_object", lambda bucket, key, data: written.append(data))
    client.put_pieces("key", lambda: iter([b"one", b"two"]), 6)

    assert written == [b"onetwo"]


def configured(client: LithopsClient, **sections: dict[str, Any]) -> LithopsClient:
    """Returns a client with other settings, none of which Lithops has checked."""
    config = copy.deepcopy(client.config)
    for name, settings in sections.items():
        config.setdefault(name, {"storage_bucket": "b"}).update(settings)
    return LithopsClient(config)


@pytest.mark.usefixtures("no_libraries")
def test_a_library_that_is_missing_is_named_when_a_backend_is_opened(client: LithopsClient) -> None:
    storage = configured(client, lithops={"storage": "minio"}, minio={})
    with pytest.raises(ConfigurationError, match=r"storage backend 'minio' needs the module 'boto3': pip install"):
        storage.keys("bucket", "prefix")

    compute = configured(client, lithops={"backend": "aws_lambda", "mode": "serverless"}, aws_lambda={})
    with pytest.raises(ConfigurationError, match=r"compute backend 'aws_lambda' needs the module '\w+': pip install"):
        compute.compute.capacity()


def test_a_storage_that_cannot_be_opened_is_said_to_be_so(client: LithopsClient) -> None:
    settings = {"endpoint": "http://127.0.0.1:0", "username": "u", "password": "p", "auth_mech": "BASIC"}
    other = configured(client, lithops={"storage": "infinispan"}, infinispan=settings)

    with pytest.raises(StorageUnavailableError, match=r"can't open the storage backend 'infinispan': .*127\.0\.0\.1"):
        other.keys("bucket", "prefix")


@pytest.mark.parametrize(
    ("backend", "number", "expected"),
    [
        ("localhost", errno.ENOSPC, "StorageRefusedError"),
        ("localhost", errno.EIO, "OSError"),
        ("k8s", errno.ENOSPC, "OSError"),  # what is full then isn't known
    ],
)
def test_a_full_disk_is_told_when_functions_are_to_run_on_this_machine(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, backend: str, number: int, expected: str
) -> None:
    def fail(compute: Compute) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Compute, "_make_handler", fail)
    other = configured(client, lithops={"backend": backend})

    with pytest.raises((OSError, StorageRefusedError), match=os.strerror(number)) as raised:
        other.compute.capacity()
    assert type(raised.value).__name__ == expected


@pytest.mark.parametrize("whole", [True, False])
def test_a_read_that_fails_is_tried_again(client: LithopsClient, monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    client.put("some/key", b"0123")
    monkeypatch.setattr(module, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(client._internal_storage, "storage", FailingStorage(client.storage, times(2, "get_object")))

    data = client.get(client.bucket, "some/key") if whole else client.get_range(client.bucket, "some/key", 0, 3)

    assert data == b"0123"


def test_a_request_within_another_is_not_repeated_by_both(client: LithopsClient) -> None:
    impatient = LithopsClient(client.config, patience=0.0)
    tries = []

    def fail() -> None:
        tries.append("once more")
        raise ConnectionError("no answer")

    with pytest.raises(LithopsJobError, match="the inner one: ConnectionError"):
        client.patiently(lambda: impatient.patiently(fail, "the inner one"), "the outer one")
    assert len(tries) == 1


def test_messages_that_cannot_be_deleted_keep_nothing_else_from_being_deleted(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**given: Any) -> None:
        raise ConnectionError("the broker is gone")

    monkeypatch.setattr("lithops.monitoring.JobMonitor", fail)
    configured(client, lithops={"monitoring": "rabbitmq"}).delete_messages("0123456789abcdef-0")

    assert "The messages of job 0123456789abcdef-0 could not be deleted: " in caplog.text
    assert "the broker is gone" in caplog.text
