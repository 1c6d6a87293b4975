"""The jobs of tests/jobs, to be looked at."""

from tests.jobs.conftest import client, run_map
from tests.jobs.warm import warm_runners

__all__ = ["client", "run_map", "warm_runners"]
