"""The page's server, a job that its only task has sent, a database for the list of jobs, and a browser."""

from tests.browser import browser
from tests.jobs.conftest import client
from tests.status.database import database, jobs
from tests.ui.server import job, server

__all__ = ["browser", "client", "database", "job", "jobs", "server"]
