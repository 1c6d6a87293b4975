"""Jobs that start fast."""

from tests.jobs.warm import warm_runners

__all__ = ["warm_runners"]
