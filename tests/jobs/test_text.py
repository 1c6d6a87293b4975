"""Values and functions as short texts."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from lithops_provider.jobs.text import function_name, looks_like_path, short_repr


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, "5"),
        (b"ab", "b'ab'"),
        (b"a" * 200, f"b'{'a' * 95}..."),
        (list(range(1_000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, ...]"),
    ],
    ids=["number", "bytes", "many bytes", "list"],
)
def test_a_value_is_shown_in_short(value: Any, shown: str) -> None:
    assert short_repr(value) == shown


def test_what_has_no_text_is_shown_by_its_type() -> None:
    assert short_repr([Unshowable()]).startswith("[<Unshowable instance at ")


def test_it_is_never_longer_than_wanted() -> None:
    assert short_repr({"key": "x" * 1_000}, 20) == short_repr({"key": "x" * 1_000})[:17] + "..."


def test_a_function_is_called_what_users_call_it() -> None:
    assert function_name(len) == "len"
    assert function_name(functools.partial(functools.partial(max, 1), 2)) == "max"
    assert function_name(Unshowable) == "Unshowable"
    assert function_name(functools.lru_cache(looks_like_path)) == "looks_like_path"


@pytest.mark.parametrize(
    ("text", "is_path"),
    [("bucket/key", True), ("s3://bucket/prefix/", True), ("bucket", False), ("/bucket/", False), ("a / b", False)],
)
def test_what_looks_like_a_path(text: str, is_path: bool) -> None:
    assert looks_like_path(text) is is_path
