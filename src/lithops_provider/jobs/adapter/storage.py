"""Lithops's storage, and what its errors mean. Like compute.py, uses of Lithops what isn't documented."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lithops_provider.jobs.adapter.private_folder import lithops_folder
from lithops_provider.jobs.remote import storages

#: Errors of redis, botocore and google.auth that stand for credentials which are wrong, not enough or missing.
_REFUSALS = (
    *("AuthenticationError", "NoPermissionError", "NoCredentialsError", "PartialCredentialsError"),
    *("DefaultCredentialsError", "RefreshError"),
)
#: Objects that one request to Azure deletes at most.
_AZURE_BATCH = 256
#: How Lithops's swift backend says the status of an answer.
_STATUS = re.compile(r"(\d{3}) - ")


def open_internal_storage(config: dict[str, Any]) -> Any:
    """
    Returns Lithops's InternalStorage: ``.storage`` is the client, ``.bucket`` the resolved bucket.

    :param config: complete configuration
    """
    from lithops.config import extract_storage_config

    from lithops_provider.jobs.adapter.internal_storage import SharedInternalStorage

    if "localhost" in (config["lithops"]["backend"], config["lithops"]["storage"]):
        lithops_folder()
    internal = SharedInternalStorage(extract_storage_config(config))
    if internal.backend == "swift":
        from lithops_provider.jobs.remote.swift import with_swift_client

        with_swift_client(internal.storage).create_bucket(internal.bucket)
    return internal


def open_storage(config: dict[str, Any], backend: str) -> Any:
    """
    Returns Lithops's Storage of another backend than the configured one.

    :param config: complete configuration
    :param backend: its name
    """
    if backend == "localhost":
        lithops_folder()
    return storages.open_storage(config=config, backend=backend)


def delete_objects(storage: Any, bucket: str, keys: list[str]) -> None:
    """
    Deletes objects. One that isn't there is no error, and doesn't keep the others: two may clean a job at once.

    :param storage: Lithops's Storage
    :param bucket: their bucket
    :param keys: their keys
    """
    if storage.backend == "gcp_storage":  # Lithops stops at the first that isn't there
        storage.get_client().bucket(bucket).delete_blobs(keys, on_error=lambda blob: None)
    elif storage.backend == "azure_storage":  # Lithops fails on it, after a batch
        container = storage.get_client().get_container_client(bucket)
        for start in range(0, len(keys), _AZURE_BATCH):
            batch = keys[start : start + _AZURE_BATCH]
            answers = container.delete_blobs(*batch, delete_snapshots="include", raise_on_any_failure=False)
            failed = {answer.status_code for answer in answers} - {202, 404}
            if failed:
                raise OSError(f"objects could not be deleted, HTTP status {', '.join(map(str, sorted(failed)))}")
    else:
        storage.delete_objects(bucket, keys)


def is_missing_key(error: BaseException) -> bool:
    """Tells whether a storage client says that there is no such object, or no such bucket."""
    from lithops.storage.utils import StorageNoSuchKeyError

    if not isinstance(error, StorageNoSuchKeyError):
        return 404 in _statuses(error)
    *_, origin = _causes(error)
    missing = (StorageNoSuchKeyError, FileNotFoundError, NotADirectoryError, IsADirectoryError)
    return isinstance(origin, missing) or 404 in _statuses(origin)


def is_refused(error: BaseException) -> bool:
    """Tells whether a storage client says that credentials are wrong, missing or not enough: it won't help to wait."""
    return any(
        (type(seen).__name__ in _REFUSALS and not getattr(seen, "retryable", False)) or _statuses(seen) & {401, 403}
        for seen in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """
    Yields an error and what it comes from. Lithops's backends for Azure, Google and others say StorageNoSuchKeyError
    whatever it was that failed; only its context tells.
    """
    from lithops.storage.utils import StorageNoSuchKeyError

    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (seen.__context__ if isinstance(seen, StorageNoSuchKeyError) else None)


def _statuses(error: BaseException) -> set[int]:
    """
    Returns the HTTP status of an error. The clients of Lithops's storage backends have no error in common: boto3 and
    ibm_boto3 have a ``response``, requests too; the SDKs of Azure, Google, Oracle and Aliyun a ``status_code``,
    ``code`` or ``status``.
    """
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        found = [response.get("ResponseMetadata", {}).get("HTTPStatusCode")]
    else:
        found = [getattr(response, "status_code", None)]
    found += [getattr(error, name, None) for name in ("status_code", "code", "status")]
    if type(error) is Exception and (said := _STATUS.match(str(error))):
        found.append(int(said[1]))
    return {status for status in found if isinstance(status, int)}


def matches(pattern: str, key: str) -> bool:
    """
    Tells whether a key matches a pattern, by the rules of Lithops: ``*`` and ``?`` within a part of the key, ``**`` for
    any number of parts.

    :raises ValueError: ``**`` isn't alone between slashes
    """
    from lithops.libs.globber import match

    return bool(match(pattern, key))
