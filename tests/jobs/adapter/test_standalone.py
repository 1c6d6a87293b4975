"""What is different with Lithops's standalone backends, by which functions run on machines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.compute import Compute


@pytest.mark.parametrize(
    ("processes", "exec_mode", "workers", "calls"),
    [
        (4, "consume", 1, 4),
        ("AUTO", "consume", 1, 16),  # nobody knows how many; with a single call, they would be idle
        ("AUTO", "reuse", 100, 100),
    ],
)
def test_a_machine_gets_calls_for_processes_whose_number_is_not_known(
    processes: Any, exec_mode: str, workers: int, calls: int
) -> None:
    compute: Any = Compute.__new__(Compute)
    compute.backend, compute.mode = "aws_ec2", "standalone"
    compute.config = {
        "lithops": {"chunksize": 0},
        "aws_ec2": {"worker_processes": processes},
        "standalone": {"exec_mode": exec_mode},
    }
    compute.invoker = SimpleNamespace(max_workers=workers)

    assert compute.capacity() == calls
