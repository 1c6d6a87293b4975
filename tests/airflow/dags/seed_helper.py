"""A module that another module, or a function, needs."""

from __future__ import annotations


def times_ten(x: int) -> int:
    """Multiply by ten."""
    return 10 * x
