"""The jobs of tests/jobs, to be looked at."""

from tests.jobs.conftest import client, run_map
from tests.jobs.warm import warm_runners
from tests.status.database import database, jobs

__all__ = ["client", "database", "jobs", "run_map", "warm_runners"]
