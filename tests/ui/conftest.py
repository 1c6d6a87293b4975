"""The page's server, and a job that its only task has sent."""

from tests.jobs.conftest import client
from tests.ui.server import job, server

__all__ = ["client", "job", "server"]
