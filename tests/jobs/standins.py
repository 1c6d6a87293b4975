"""Small real stand-ins for what a laptop doesn't have: a storage that fails."""

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
