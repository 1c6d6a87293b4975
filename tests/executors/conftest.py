"""What sends and follows the executor's jobs, on localhost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lithops_provider.executors import sender as sender_module
from lithops_provider.executors.records import PREFIX
from lithops_provider.executors.reports import Report, Reports
from lithops_provider.executors.sender import Sender
from lithops_provider.executors.settings import CallOptions, ExecutorSettings
from lithops_provider.executors.watcher import Watcher
from lithops_provider.executors.workload import Workload
from lithops_provider.jobs import LithopsClient, resolve_config
from tests.executors.workloads import actor
from tests.jobs.conftest import _no_runner_is_left, client, faas
from tools.waiting import HANGS, wait_until

__all__ = ["_no_runner_is_left", "client", "faas"]  # fixtures

SETTINGS = ExecutorSettings(poll_interval=0.05)


class Threads:
    """A sender and a watcher; `tests.executors.workloads.actor` runs the workloads."""

    def __init__(self) -> None:
        self.reports: Reports = Reports()
        self.seen: list[Report] = []
        self.watcher = Watcher(self.reports, SETTINGS.poll_interval)
        self.sender = self.sender_with()

    def sender_with(
        self, connect: Callable[[Any], LithopsClient] | None = None, settings: ExecutorSettings = SETTINGS
    ) -> Sender:
        """A sender whose configuration comes from elsewhere."""
        opens = connect or (lambda settings: LithopsClient(resolve_config(arguments={"workers": 4})))
        return Sender(settings, CallOptions(), opens, self.watcher.watch, self.reports, "http://localhost/")

    def wait_for_end(self, *workloads: Workload) -> dict[Workload, Report]:
        """The last report of each."""

        def ends() -> dict[Workload, Report]:
            while self.reports:
                self.seen.append(self.reports.popleft())
            return {report.workload: report for report in self.seen if report.over}

        wait_until(lambda: ends().keys() >= {*workloads}, lambda: f"Only these have come: {self.seen}")
        return ends()


@pytest.fixture(autouse=True)
def _no_record_is_left(client: LithopsClient) -> Iterator[None]:
    """A test that ends before its jobs are forgotten leaves records; the next one would take them for its own."""
    yield
    client.delete(client.bucket, client.keys(client.bucket, PREFIX))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Threads]:
    monkeypatch.setattr(sender_module, "run_workload", actor())
    made = Threads()
    yield made
    made.sender.stop(HANGS)
    made.watcher.stop(HANGS)
