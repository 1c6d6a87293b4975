from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.lithops_storage import is_missing_key, is_refused


def error(name: str = "SomeError", **attributes: Any) -> Exception:
    """Returns an error as some client raises it."""
    made: Exception = type(name, (Exception,), attributes)("what it says")
    return made


def aws(status: int) -> Exception:
    return error("ClientError", response={"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": status}})


def wrapped(cause: Exception) -> Exception:
    outer = error()
    outer.__cause__ = cause
    return outer


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
        wrapped(aws(403)),
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
    ],
    ids=repr,
)
def test_what_does_not(other: Exception) -> None:
    assert not is_refused(other)


def test_a_missing_bucket_is_a_missing_key() -> None:
    assert is_missing_key(aws(404))
    assert not is_missing_key(aws(500))
