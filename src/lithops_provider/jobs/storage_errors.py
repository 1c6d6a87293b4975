"""What the errors of storage clients mean. They have nothing in common: each cloud's client has its own."""

from __future__ import annotations

from collections.abc import Mapping

#: Errors of redis and botocore that stand for credentials which are wrong, not enough or missing.
_REFUSALS = ("AuthenticationError", "NoPermissionError", "NoCredentialsError", "PartialCredentialsError")


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
