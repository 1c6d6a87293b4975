"""The queue that workers report to: made before a job is sent, deleted with it; tests/backends has real ones."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.adapter.queues import delete_queue, make_queue

REDIS = {"lithops": {"monitoring": "redis"}}


class Monitor:
    """Lithops's JobMonitor, as far as a queue is concerned."""

    #: What was done to queues, each with the executor id.
    done: list[str]

    def __init__(self, executor_id: str, internal_storage: Any, config: dict[str, Any]) -> None:
        self.executor_id = executor_id
        self.monitor = self

    def prepare(self) -> None:
        self.done.append(f"make {self.executor_id}")

    def cleanup(self) -> None:
        self.done.append(f"delete {self.executor_id}")
        if self.executor_id == "stuck":
            raise ConnectionError("no answer")

    def _close_receiver(self) -> None:
        self.done.append("close")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(Monitor, "done", [], raising=False)
    monkeypatch.setattr("lithops.monitoring.JobMonitor", Monitor)
    return Monitor.done


def test_no_connection_is_left(done: list[str]) -> None:
    make_queue(REDIS, None, "a-0")
    delete_queue(REDIS, None, "a-0")

    assert done == ["make a-0", "close", "make a-0", "delete a-0", "close"]


def test_nor_if_it_cannot_be_deleted(done: list[str]) -> None:
    with pytest.raises(ConnectionError):
        delete_queue(REDIS, None, "stuck")

    assert done[-1] == "close"


def test_jobs_that_report_to_the_storage_have_none(done: list[str]) -> None:
    delete_queue({"lithops": {"monitoring": "storage"}}, None, "a-0")

    assert done == []
