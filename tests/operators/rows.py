"""Functions whose results test_files.py has written into files. Not in the test, so that workers need no pytest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def row(x: int) -> dict[str, Any]:
    if x < 0:
        raise ValueError("below zero")
    return {"x": x, "half": x / 2 if x >= 3 else None}


def rows(count: int) -> list[dict[str, Any]]:
    return [{"x": number} for number in range(count)]


def total(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"rows": len(found), "sum": sum(entry["x"] for entry in found)}


def not_json(x: int) -> Any:
    return {x} if x == 2 else x


def remainders(x: int) -> Iterator[tuple[str, int]]:
    """Yields no pairs for 0, else two."""
    if x:
        yield f"by two: {x % 2}", x
        yield f"by three: {x % 3}", x


def sum_and_count(key: str, values: Iterable[int]) -> dict[str, int]:
    found = list(values)
    return {"sum": sum(found), "count": len(found)}
