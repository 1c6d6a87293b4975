"""The jobs of tests/jobs, to be looked at."""

from tests.jobs.conftest import client, run_map

__all__ = ["client", "run_map"]
