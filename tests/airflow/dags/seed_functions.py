"""Functions of tests/airflow/test_seed_*.py that live in a module of their own, beside the files that use them."""

from __future__ import annotations

import math
import os
import time
from typing import Any

from seed_helper import times_ten


def add(x: int, y: int) -> int:
    """Add two numbers."""
    return x + y


def add_ten_times(x: int) -> int:
    """Use another module."""
    return times_ten(x)


def product(results: list[int]) -> int:
    """Multiply all."""
    return math.prod(results)


def read_lines(obj: Any) -> list[Any]:
    """Tell which chunk this is, and what is in it."""
    lines = obj.data_stream.read().decode().splitlines()
    return [obj.key, obj.part, lines]


def group(results: list[list[Any]]) -> list[Any]:
    """Put the chunks of ``read_lines`` together: whose they are, how many, and how many lines they have."""
    return [sorted({key for key, _, _ in results}), len(results), sum(len(lines) for _, _, lines in results)]


def span(item: int, seconds: float) -> list[float]:
    """Take a while, and tell from when to when."""
    begin = time.time()
    time.sleep(seconds)
    return [begin, time.time()]


def wait_for(path: str, seconds: float = 3600.0) -> str:
    """Show a sign of life in a file beside ``path`` until that is there."""
    end = time.time() + seconds
    while not os.path.exists(path) and time.time() < end:
        with open(f"{path}.{os.getpid()}.alive", "w") as file:
            file.write(str(time.time()))
        time.sleep(0.1)
    return path
