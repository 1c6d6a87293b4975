"""Functions of reduces by key. Not in the tests, so that the workers need not import pytest."""

from __future__ import annotations

import datetime
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.jobs.failures import leave_mark


def letters(word: str) -> Iterator[tuple[str, int]]:
    for letter in word:
        yield letter, 1


def total(key: Any, values: Any) -> int:
    return sum(values)


#: Keys of many kinds, of which some are equal to others.
KEYS: list[Any] = [
    None, 1, 1.0, True, "1", b"1", ("a", 1), ("a", 1.0), frozenset([1, "a"]), datetime.date(2026, 1, 1),
    datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), 0, False, "", (),
]  # fmt: skip


def with_all_keys(number: int) -> list[tuple[Any, int]]:
    keys = KEYS[:]
    random.Random(number).shuffle(keys)
    return [(key, number) for key in keys]


def sorted_values(key: Any, values: Any) -> list[int]:
    return sorted(values)


def died(path: str, moments: list[int]) -> None:
    """Kills the call, with the process that watches it, at some of the moments at which this is called."""
    leave_mark(path, "x")
    count = Path(path).read_text().split().count("x")
    if count in moments:
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
