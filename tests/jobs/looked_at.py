"""Functions of jobs that are looked at. Not in a test module, so that workers need not import pytest."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


class _Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def bomb(path: str) -> Any:
    """Returns what makes a folder when it is unpickled."""
    return _Bomb(path)


def fail_some(x: int) -> int:
    """Fails for 3, 6, 9..."""
    if x and x % 3 == 0:
        raise ValueError(f"{x} is bad")
    return x


def wait_for_file(path: str) -> None:
    """Returns when a file is there."""
    while not Path(path).exists():
        time.sleep(0.05)
