"""Looks at the ledgers that the items of dags/ledger.py write, and at the processes of their jobs."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import psutil

from tests.conftest import ROOT


def ledger_of(path: Path) -> Counter[str]:
    """How often each item ran."""
    return Counter(path.read_text().split()) if path.exists() else Counter()


def job_processes() -> list[psutil.Process]:
    """The processes of all localhost jobs of this test run."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(ROOT) in argument and argument.endswith("-job.json") for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_no_job_process(seconds: float) -> list[psutil.Process]:
    """Waits for the end of all jobs; returns what is left."""
    end = time.monotonic() + seconds
    while (left := job_processes()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def wait_for_lines(path: Path, lines: int, seconds: float = 30) -> None:
    """Waits until so many items have begun."""
    end = time.monotonic() + seconds
    while sum(ledger_of(path).values()) < lines:
        assert time.monotonic() < end, f"only {sum(ledger_of(path).values())} items began within {seconds} s"
        time.sleep(0.02)
