"""
Tells at the end where the time went, file by file: ``make integration ARGS="-p tests.times"``.

Of each file the tests, the seconds that they waited and those that they computed. The processor's are those of this
process and of all below it. Without pytest-xdist, whose processes keep them to themselves: ``-p no:xdist``.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest


@dataclass
class Spent:
    """What the tests of a file took."""

    tests: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    def row(self, name: str) -> str:
        """Return it as a row of a table in Markdown."""
        return f"| {name} | {self.tests} | {max(0.0, self.wall - self.cpu):.0f} | {self.cpu:.0f} |"


_spent: dict[str, Spent] = defaultdict(Spent)


def _cpu() -> float:
    """Return the seconds of this process, of those below it, and of theirs that have ended."""
    me = psutil.Process()
    seconds = sum(me.cpu_times()[:4])
    for process in me.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            seconds += sum(process.cpu_times()[:4])
    return seconds


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Measure a test with its fixtures."""
    wall, cpu = time.monotonic(), _cpu()
    try:
        return (yield)
    finally:
        spent = _spent[item.nodeid.partition("::")[0]]
        spent.tests += 1
        spent.wall += time.monotonic() - wall
        spent.cpu += _cpu() - cpu


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    terminalreporter.section("where the time went")
    terminalreporter.line("| group | tests | seconds of waiting | seconds of CPU |")
    terminalreporter.line("|---|---|---|---|")
    rows = sorted(_spent.items(), key=lambda entry: -entry[1].cpu)
    for name, spent in rows:
        terminalreporter.line(spent.row(name))
    total = Spent(*(sum(getattr(spent, name) for _, spent in rows) for name in ("tests", "wall", "cpu")))
    terminalreporter.line(total.row("all"))
