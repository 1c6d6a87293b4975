from __future__ import annotations

import platform
from pathlib import Path

import pytest

from lithops_provider.executors.huge_pages import gather_in_huge_pages


def _in_huge_pages() -> int:
    """Returns how many kB of this process's own memory lie in huge pages."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("AnonHugePages:")))


def test_memory_is_gathered_in_huge_pages_and_stays_what_it_was() -> None:
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    version = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))
    if not setting.exists() or "[never]" in setting.read_text() or version < (6, 1):
        pytest.skip("this system has no huge pages, or gathers none at once")
    objects = [str(number) for number in range(200_000)]

    gather_in_huge_pages()

    assert _in_huge_pages() > 0
    assert objects == [str(number) for number in range(200_000)]
