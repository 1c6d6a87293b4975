"""Lithops's storage, and what its errors mean. Like lithops_api.py, uses of Lithops what isn't documented."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

#: Errors of redis and botocore that stand for credentials which are wrong, not enough or missing.
_REFUSALS = ("AuthenticationError", "NoPermissionError", "NoCredentialsError", "PartialCredentialsError")


def open_internal_storage(config: dict[str, Any]) -> Any:
    """
    Returns Lithops's InternalStorage: ``.storage`` is the client, ``.bucket`` the resolved bucket.

    :param config: complete configuration
    """
    from lithops.config import extract_storage_config
    from lithops.storage import InternalStorage

    class SharedInternalStorage(InternalStorage):  # type: ignore[misc]
        """Several tasks of a machine at once write and read the file that caches what a runtime has."""

        def _write_runtime_meta_file(self, filename_local_path: str, runtime_meta: Any) -> None:
            os.makedirs(os.path.dirname(filename_local_path), exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(filename_local_path), delete=False) as file:
                json.dump(runtime_meta, file)
            os.replace(file.name, filename_local_path)

        def _cached_runtime_meta(self, cache_key: str, filename_local_path: str) -> Any:
            try:
                return super()._cached_runtime_meta(cache_key, filename_local_path)
            except ValueError:  # written by Lithops's own client at this moment, or cut off
                return None

    return SharedInternalStorage(extract_storage_config(config))


def is_missing_key(error: BaseException) -> bool:
    """Tells whether a storage client says that there is no such object, or no such bucket."""
    from lithops.storage.utils import StorageNoSuchKeyError

    return isinstance(error, StorageNoSuchKeyError) or 404 in _statuses(error)


def is_refused(error: BaseException) -> bool:
    """Tells whether a storage client says that credentials are wrong, missing or not enough: it won't help to wait."""
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ in _REFUSALS or _statuses(seen) & {401, 403}:
            return True
        seen = seen.__cause__
    return False


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
    return {status for status in found if isinstance(status, int)}


def matches(pattern: str, key: str) -> bool:
    """
    Tells whether a key matches a pattern, by the rules of Lithops: ``*`` and ``?`` within a part of the key, ``**`` for
    any number of parts.

    :raises ValueError: ``**`` isn't alone between slashes
    """
    from lithops.libs.globber import match

    return bool(match(pattern, key))
