"""Texts that come from a function, made so that every database and every encoder takes them."""

from __future__ import annotations

_CUT = "..."


def storable(text: str, limit: int) -> str:
    """
    Returns a text that can be stored anywhere: what UTF-8 can't encode (lone surrogates, as in file names that aren't
    UTF-8) and NUL, which PostgreSQL refuses, are escaped, and what is too long is cut.

    :param text: any text, also an instance of a subclass of `str`
    :param limit: characters to return at most
    """
    # The methods of `str` itself: a subclass may have others.
    text = str.__getitem__(text, slice(limit + 1))
    text = str.encode(text, "utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def class_name(kind: type) -> str:
    """Returns the qualified name of a class, without running code of the class's."""
    name: str = type.__dict__["__qualname__"].__get__(kind)
    return name
