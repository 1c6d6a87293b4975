"""Storages for tests: one that fails when it is told to, and one that counts what is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class StorageDownError(Exception):
    """What the failing storage raises."""


class FailingStorage:
    """
    A Lithops Storage that does all that the real one does, unless it is told to fail.

    :param storage: the real one
    :param fails: is asked before each request, with its name and the key
    """

    def __init__(self, storage: Any, fails: Callable[[str, str], bool]) -> None:
        self.real = storage
        self.fails = fails

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.real, name)
        if not name.endswith(("_object", "_objects", "_keys")):
            return value

        def request(bucket: str, key: Any = None, *args: Any, **kwargs: Any) -> Any:
            if self.fails(name, str(key)):
                raise StorageDownError(f"{name} of {key} failed")
            return value(bucket, key, *args, **kwargs)

        return request


def times(count: int, method: str, part: str = "") -> Callable[[str, str], bool]:
    """Says that the first ``count`` requests fail that are called so and whose key has this part."""
    left = count

    def fails(name: str, key: str) -> bool:
        nonlocal left
        if name != method or part not in key or not left:
            return False
        left -= 1
        return True

    return fails


class CountingStorage:
    """
    A Lithops Storage that counts what is read through it.

    :param storage: the real one
    """

    def __init__(self, storage: Any) -> None:
        self.real = storage
        #: Bytes of all objects and ranges that were read.
        self.bytes = 0
        #: The most of it in one request.
        self.most = 0
        self.listed: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def get_object(self, bucket: str, key: str, **options: Any) -> bytes:
        data = bytes(self.real.get_object(bucket, key, **options))
        self.bytes += len(data)
        self.most = max(self.most, len(data))
        return data

    def list_keys(self, bucket: str, prefix: str) -> list[str]:
        self.listed.append(prefix)
        return list(self.real.list_keys(bucket, prefix))
