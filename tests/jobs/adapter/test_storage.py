from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.storage import delete_objects, is_missing_key, is_refused, object_version


def error(name: str = "SomeError", **attributes: Any) -> Exception:
    """Returns an error as some client raises it."""
    made: Exception = type(name, (Exception,), attributes)("what it says")
    return made


def aws(status: int) -> Exception:
    return error("ClientError", response={"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}})


def no_such_key() -> Exception:
    from lithops.storage.utils import StorageNoSuchKeyError

    made: Exception = StorageNoSuchKeyError("bucket", "key")
    return made


def wrapped(cause: Exception) -> Exception:
    outer = error()
    outer.__cause__ = cause
    return outer


def hidden(cause: Exception) -> Exception:
    """Returns what Lithops's backends for Azure, Google and Swift raise instead of an error."""
    try:
        try:
            raise cause
        except Exception:
            raise no_such_key()  # noqa: B904 - as they do
    except Exception as raised:
        return raised


@pytest.mark.parametrize(
    "refusal",
    [
        aws(403),
        aws(401),
        error(response=SimpleNamespace(status_code=403)),  # requests
        error(status_code=403),  # Azure
        error(code=401),  # Google
        error(status=403),  # Oracle, Aliyun
        error("AuthenticationError"),  # redis
        error("NoCredentialsError"),  # botocore
        error("DefaultCredentialsError"),  # google.auth
        error("RefreshError", retryable=False),
        Exception("401 - Unauthorized - The request you have made requires authentication."),  # Lithops for Swift
        wrapped(aws(403)),
        hidden(error(status_code=403)),
        hidden(error(code=403)),
    ],
    ids=repr,
)
def test_what_refuses_credentials(refusal: Exception) -> None:
    assert is_refused(refusal)
    assert not is_missing_key(refusal)


@pytest.mark.parametrize(
    "other",
    [
        *(aws(404), aws(500), aws(503), error(), error(code="AccessDenied"), error(status_code=429)),
        *(OSError(13, "no route"), ConnectionError("reset"), error(response=None)),
        *(error("RefreshError", retryable=True), Exception("503 - Service Unavailable"), Exception("403 items")),
    ],
    ids=repr,
)
def test_what_does_not(other: Exception) -> None:
    assert not is_refused(other)


def test_a_missing_bucket_is_a_missing_key() -> None:
    assert is_missing_key(aws(404))
    assert not is_missing_key(aws(500))


@pytest.mark.parametrize(
    "missing",
    [
        no_such_key(),
        *(hidden(cause) for cause in (error(status_code=404), aws(404), FileNotFoundError(2, "no such file"))),
        hidden(no_such_key()),
    ],
    ids=repr,
)
def test_what_is_missing(missing: Exception) -> None:
    assert is_missing_key(missing)
    assert not is_refused(missing)


@pytest.mark.parametrize(
    "cause", [error(status_code=500), aws(503), ConnectionError("reset"), error("ServiceRequestError")], ids=repr
)
def test_what_only_claims_to_be_missing(cause: Exception) -> None:
    assert not is_missing_key(hidden(cause))
    assert not is_refused(hidden(cause))


class Container:
    """One of Azure's, which answers with an HTTP status for each object."""

    def __init__(self, **statuses: int) -> None:
        self.statuses = statuses
        self.batches: list[int] = []

    def delete_blobs(self, *keys: str, raise_on_any_failure: bool, **options: Any) -> Any:
        assert not raise_on_any_failure
        self.batches.append(len(keys))
        return iter([SimpleNamespace(status_code=self.statuses.get(key, 202)) for key in keys])


def azure(container: Container) -> Any:
    client = SimpleNamespace(get_container_client=lambda bucket: container)
    return SimpleNamespace(backend="azure_storage", get_client=lambda: client)


def test_azure_deletes_what_is_there_in_batches() -> None:
    container = Container(key0=404)
    delete_objects(azure(container), "bucket", [f"key{number}" for number in range(300)])

    assert container.batches == [256, 44]


def test_azure_says_what_it_can_not_delete() -> None:
    with pytest.raises(OSError, match="could not be deleted, HTTP status 409, 500"):
        delete_objects(azure(Container(key1=500, key2=409, key3=404)), "bucket", ["key1", "key2", "key3", "key4"])


def test_google_goes_on_after_an_object_that_is_not_there() -> None:
    deleted: list[str] = []

    def delete_blobs(keys: list[str], on_error: Any) -> None:
        for key in keys:
            on_error(key) if key == "gone" else deleted.append(key)

    client = SimpleNamespace(bucket=lambda name: SimpleNamespace(delete_blobs=delete_blobs))
    delete_objects(
        SimpleNamespace(backend="gcp_storage", get_client=lambda: client), "bucket", ["first", "gone", "last"]
    )

    assert deleted == ["first", "last"]


@pytest.mark.parametrize(
    ("listed", "head", "version"),
    [
        ({"ETag": '"of-s3"', "LastModified": "today"}, None, "of-s3"),
        ({"LastModified": "of-google"}, None, "of-google"),
        ({"ETag": None, "last_modified": "of-another"}, None, "of-another"),
        ({}, {"etag": '"of-oracle"', "content-length": "3"}, "of-oracle"),
        ({}, {"Last-Modified": "of-aliyun", "content-length": "3"}, "of-aliyun"),
        ({}, {"content-length": "3"}, None),  # redis and infinispan tell neither
    ],
    ids=str,
)
def test_what_changes_when_an_object_is_written_anew(
    listed: dict[str, Any], head: dict[str, Any] | None, version: str | None
) -> None:
    asked: list[tuple[str, str]] = []

    def head_object(bucket: str, key: str) -> dict[str, Any]:
        asked.append((bucket, key))
        return head or {}

    storage = SimpleNamespace(backend="aws_s3", head_object=head_object)

    assert object_version(storage, "bucket", {"Key": "key", "Size": 3, **listed}) == version
    assert asked == ([] if head is None else [("bucket", "key")])  # a request for each object takes long
