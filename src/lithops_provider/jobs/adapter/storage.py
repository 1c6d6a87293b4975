"""Lithops's storage, and what its errors mean. Like compute.py, uses of Lithops what isn't documented."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from lithops_provider.jobs.adapter.private_folder import lithops_folder
from lithops_provider.jobs.errors import StorageRefusedError
from lithops_provider.jobs.remote import storages
from lithops_provider.jobs.remote.storages import PARTIAL, with_whole_files

#: Errors of redis, botocore and google.auth that stand for credentials which are wrong, not enough or missing.
_REFUSALS = (
    "AuthenticationError",
    "NoPermissionError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",
    "RefreshError",
)
#: Errors of a disk that don't pass by themselves, by what is to be done.
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_FULL = {errno.ENOSPC, errno.EDQUOT}
#: Seconds after which a file that is being written was left behind by a process that is gone.
_ABANDONED = 3600.0
#: Objects that one request to Azure deletes at most.
_AZURE_BATCH = 256
#: How Lithops's swift backend says the status of an answer.
_STATUS = re.compile(r"(\d{3}) - ")


def check_importable() -> None:
    """
    Imports Lithops, which makes its folders then.

    :raises StorageRefusedError: it can't
    """
    try:
        import lithops  # noqa: F401
    except OSError as error:
        to_do = disk_problem(error)
        if to_do is None:
            raise
        raise StorageRefusedError(f"Lithops can't be imported: {error}; {to_do}") from error


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
    with_whole_files(internal.storage)
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


def disk_problem(error: BaseException) -> str | None:
    """
    Returns what is to be done about an error of the localhost storage that won't pass by itself, such as a disk that is
    full or read-only; None if it is none.

    :param error: what its client, or the import of Lithops, raised
    """
    number = next((seen.errno for seen in _causes(error) if isinstance(seen, OSError) and seen.errno is not None), None)
    folder = os.path.join(tempfile.gettempdir(), f"lithops-{os.getenv('USER', 'root')}")
    if number in _READ_ONLY:
        return (
            f"Lithops keeps all of localhost in {folder}: make that folder writable for the user who runs Airflow's "
            "tasks, or give them an environment in which TMPDIR is a folder that is, or configure another storage"
        )
    if number in _FULL:
        return (
            f"the disk of {folder}, or the user's share of it, is full: free some space, for instance with "
            "LithopsHook().clean_older_than(timedelta(days=7)), and have tasks delete their data with clean_data=True"
        )
    return None


def is_full(error: BaseException) -> bool:
    """Tells whether an error says that a disk is full."""
    return any(isinstance(seen, OSError) and seen.errno in _FULL for seen in _causes(error))


def remove_abandoned(bucket: str) -> int:
    """
    Makes room on the disk of the localhost storage: deletes what processes that are gone were writing.

    :param bucket: where
    :returns: how many files there were
    """
    from lithops.constants import LITHOPS_TEMP_DIR

    removed = 0
    for folder, _, names in os.walk(os.path.join(LITHOPS_TEMP_DIR, bucket)):
        for path in (os.path.join(folder, name) for name in names if name.startswith(".") and name.endswith(PARTIAL)):
            with contextlib.suppress(OSError):
                if os.stat(path).st_mtime < time.time() - _ABANDONED:
                    os.remove(path)
                    removed += 1
    return removed


def _causes(error: BaseException) -> Iterator[BaseException]:
    """
    Yields an error and what it comes from. Lithops's backends for Azure, Google and others say StorageNoSuchKeyError
    whatever it was that failed; only its context tells.
    """
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        hidden = type(seen).__name__ == "StorageNoSuchKeyError"  # not imported: that may be what failed
        seen = seen.__cause__ or (seen.__context__ if hidden else None)


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
