"""The message queue that a job's functions report to with a ``monitoring`` other than the storage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


def make_queue(config: dict[str, Any], internal_storage: Any, executor_id: str) -> None:
    """
    Makes the queue of a job.

    :param config: complete configuration
    :param internal_storage: see `lithops_provider.jobs.adapter.storage.open_internal_storage`
    :param executor_id: the job's
    """
    with _monitor(config, internal_storage, executor_id):
        pass


def delete_queue(config: dict[str, Any], internal_storage: Any, executor_id: str) -> None:
    """
    Deletes the message queue that a job's functions reported to, if the user asked for one. Nobody has read it.

    :param config: complete configuration
    :param internal_storage: see `make_queue`
    :param executor_id: the job's
    """
    if config["lithops"]["monitoring"] != "storage":
        with _monitor(config, internal_storage, executor_id) as monitor:
            monitor.cleanup()


@contextlib.contextmanager
def _monitor(config: dict[str, Any], internal_storage: Any, executor_id: str) -> Iterator[Any]:
    """Makes a message queue unless it is there, and closes the connection to it, which its thread would do."""
    from lithops.monitoring import JobMonitor

    monitor = JobMonitor(executor_id=executor_id, internal_storage=internal_storage, config=config)
    monitor.prepare()
    try:
        yield monitor
    finally:
        monitor.monitor._close_receiver()
