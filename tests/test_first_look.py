"""What ``make demo`` shows first counts right."""

from __future__ import annotations

import pytest

from tools.first_look import count_primes


@pytest.mark.parametrize(
    ("start", "end", "primes"), [(0, 100, 25), (100, 200, 21), (0, 1_000, 168), (1_000_000, 1_001_000, 75)]
)
def test_primes(start: int, end: int, primes: int) -> None:
    assert count_primes(start, end) == primes
