"""Waiting for a sign, with a deadline that tells a hang from a slow machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Sign = TypeVar("Sign")

HANGS = 600.0
"""Seconds after which what is awaited is taken for hanging: no machine that anybody works on is that slow."""


def wait_until(
    sign: Callable[[], Sign | None],
    missing: Callable[[], object] = str,
    *,
    seconds: float = HANGS,
    interval: float = 0.1,
) -> Sign:
    """
    Wait until a function returns something true, and return that.

    :param sign: looks for what is awaited
    :param missing: says what there is instead, for the error
    :param seconds: after which TimeoutError is raised; leave it alone, unless the error itself is what you want
    :param interval: seconds between two looks
    """
    deadline = time.monotonic() + seconds
    while not (found := sign()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"What was awaited did not come within {seconds:g} s. {missing()}")
        time.sleep(interval)
    return found
