"""Makes short texts of values and functions. All other modules call it for their messages."""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable
from typing import Any


class _ShortRepr(reprlib.Repr):
    """Shortens while it goes over a value. An item may be 100 MB, so its whole repr is never made to be cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = self.maxlong = 100
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 20

    def repr_bytes(self, value: bytes, level: int) -> str:
        text = repr(value[: self.maxstring])
        return text if len(value) <= self.maxstring else f"{text[:-1]}...'"

    repr_bytearray = repr_bytes


_SHORT = _ShortRepr()


def short_repr(value: object, limit: int = 100) -> str:
    """
    Returns a value's repr, shortened. Never fails.

    :param value: anything
    :param limit: characters
    """
    try:
        text = _SHORT.repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} that can't be shown: {error!r}>"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def function_name(function: Callable[..., Any]) -> str:
    """Returns a function's name for messages: of a partial its function's name, of a callable object its class's."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def looks_like_path(text: str) -> bool:
    """Tells whether a text looks like the path of objects in storage: ``bucket/key``, ``s3://bucket/prefix/``."""
    return "/" in text.strip("/") and not any(character.isspace() for character in text)
