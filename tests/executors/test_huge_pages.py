from __future__ import annotations

from pathlib import Path

import pytest

from lithops_provider.executors.huge_pages import gather_in_huge_pages


def _in_huge_pages() -> int:
    """Returns how many kB of this process's own memory lie in huge pages."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("AnonHugePages:")))


def test_memory_is_gathered_in_huge_pages_and_stays_what_it_was() -> None:
    if "never" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text().partition("[")[2].partition("]")[0]:
        pytest.skip("this system has no huge pages")
    objects = [str(number) for number in range(200_000)]

    gather_in_huge_pages()

    assert _in_huge_pages() > 0
    assert objects == [str(number) for number in range(200_000)]
