"""
Opens Lithops's storage backends, deletes objects, and tells what errors of a storage mean: the libraries beneath have
no error in common. `LithopsClient` calls it. Like compute.py, it uses parts of Lithops that aren't documented.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lithops_provider.jobs.adapter.later_modules import later_modules
from lithops_provider.jobs.adapter.private_folder import lithops_folder
from lithops_provider.jobs.adapter.workarounds.ibm import share_no_tokens
from lithops_provider.jobs.errors import StorageRefusedError
from lithops_provider.jobs.remote import storages
from lithops_provider.jobs.remote.storages import PARTIAL, with_whole_files

#: Names of errors of redis, botocore and google.auth by which they refuse credentials or miss them.
_REFUSALS = (
    "AuthenticationError",
    "NoPermissionError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",
    "RefreshError",
)
#: Errors of a disk that waiting doesn't help against: it can't be written to, or it is full.
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_FULL = {errno.ENOSPC, errno.EDQUOT}
#: Age in seconds at which a half-written file counts as left behind by a process that is gone.
_ABANDONED = 3600.0
#: Objects that one request to Azure can delete.
_AZURE_BATCH = 256
#: How the messages of Lithops's swift backend begin: with the HTTP status of the answer.
_STATUS = re.compile(r"(\d{3}) - ")


def check_importable() -> None:
    """
    Imports Lithops, which makes its folders on this machine while it is imported. ``requests``, which takes longer to
    import than all of Lithops, comes when Lithops first uses it.

    :raises StorageRefusedError: it can't make them, since the disk is full or can't be written to
    """
    try:
        with later_modules(["requests"]):
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
    share_no_tokens(config["lithops"]["storage"])
    internal = SharedInternalStorage(extract_storage_config(config))
    with_whole_files(internal.storage)
    if internal.backend == "swift":
        from lithops_provider.jobs.remote.swift import with_swift_client

        with_swift_client(internal.storage).create_bucket(internal.bucket)
    return internal


def open_storage(config: dict[str, Any], backend: str) -> Any:
    """
    Returns Lithops's Storage for a backend other than the configured one.

    :param config: complete configuration
    :param backend: name of the storage backend
    """
    if backend == "localhost":
        lithops_folder()
    share_no_tokens(backend)
    return storages.open_storage(config=config, backend=backend)


class PieceReader:
    """
    A file to be read once, which yields pieces, so that they are never all in memory. Lithops's localhost storage
    copies an object out of such a file.

    :param pieces: what the file holds, none of it empty
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def read(self, size: int = -1) -> bytes:
        """Returns the next piece, whatever its size; nothing at the end."""
        return next(self._pieces, b"")


def delete_objects(storage: Any, bucket: str, keys: list[str]) -> None:
    """
    Deletes objects. Missing ones are skipped without an error, since two processes may clean a job at once.

    :param storage: Lithops's Storage
    :param bucket: their bucket
    :param keys: their keys
    """
    if storage.backend == "gcp_storage":  # Lithops would stop at the first missing object
        storage.get_client().bucket(bucket).delete_blobs(keys, on_error=lambda blob: None)
    elif storage.backend == "azure_storage":  # Lithops would fail after a batch with a missing object
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
    """Tells whether a storage client says that credentials are wrong, missing or not enough; waiting doesn't help."""
    return any(
        (type(seen).__name__ in _REFUSALS and not getattr(seen, "retryable", False)) or _statuses(seen) & {401, 403}
        for seen in _causes(error)
    )


def disk_problem(error: BaseException) -> str | None:
    """
    Returns what the user has to do about an error of the localhost storage, if it is one of a disk that is full or
    can't be written to. Returns None for any other error.

    :param error: what Lithops's storage, or the import of Lithops, raised
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
    Makes room on the disk of the localhost storage: deletes half-written files of processes that are gone.

    :param bucket: where to look for them
    :returns: how many files were deleted
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
    Yields an error and the errors that it comes from. Lithops's backends for Azure, Google and others raise
    StorageNoSuchKeyError whatever has failed; only that error's context says what it was.
    """
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        hidden = type(seen).__name__ == "StorageNoSuchKeyError"  # by name: importing Lithops may be what failed
        seen = seen.__cause__ or (seen.__context__ if hidden else None)


def _statuses(error: BaseException) -> set[int]:
    """
    Returns the HTTP statuses that an error has. Each client keeps it elsewhere: errors of boto3, ibm_boto3 and requests
    have a ``response``, those of the SDKs of Azure, Google, Oracle and Aliyun a ``status_code``, ``code`` or
    ``status``.
    """
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        found = [response.get("ResponseMetadata", {}).get("HTTPStatusCode")]
    else:
        found = [getattr(response, "status_code", None)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # IBM's says that one of them is an old name
        found += [getattr(error, name, None) for name in ("status_code", "code", "status")]
    if type(error) is Exception and (said := _STATUS.match(str(error))):
        found.append(int(said[1]))
    return {status for status in found if isinstance(status, int)}


def object_version(storage: Any, bucket: str, entry: Mapping[str, Any]) -> str | None:
    """
    Returns a text that changes when an object is written anew: its ETag, or else the time at which it was written.
    Returns None if the storage tells neither.

    :param storage: a Lithops Storage
    :param bucket: the object's bucket
    :param entry: the object's entry in a listing, or its head with ``Key`` added
    """
    if storage.backend == "localhost":
        from lithops.constants import LITHOPS_TEMP_DIR

        return str(os.stat(os.path.join(LITHOPS_TEMP_DIR, bucket, entry["Key"])).st_mtime_ns)
    return _told_version(entry) or _told_version(storage.head_object(bucket, entry["Key"]))


def _told_version(entry: Mapping[str, Any]) -> str | None:
    told = {str(name).lower().replace("-", "").replace("_", ""): value for name, value in entry.items()}
    found = str(told.get("etag") or "").strip('"') or told.get("lastmodified")
    return None if found is None else str(found)


def matches(pattern: str, key: str) -> bool:
    """
    Tells whether a key matches a pattern by the rules of Lithops: ``*`` and ``?`` stand for characters between two
    slashes of the key, ``**`` for any number of parts between slashes.

    :raises ValueError: the pattern has a ``**`` that isn't alone between slashes
    """
    from lithops.libs.globber import match

    return bool(match(pattern, key))
