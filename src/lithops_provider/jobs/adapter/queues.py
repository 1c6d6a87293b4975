"""
Makes and deletes the message queue that Lithops's workers report to if the user configured a ``monitoring`` other than
the storage. compute.py makes it before a job is sent, and `LithopsClient.delete_messages` deletes it.
"""

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
    Deletes the message queue of a job, if ``monitoring`` is other than the storage. This package never reads it.

    :param config: complete configuration
    :param internal_storage: see `make_queue`
    :param executor_id: the job's
    """
    if config["lithops"]["monitoring"] != "storage":
        with _monitor(config, internal_storage, executor_id) as monitor:
            monitor.cleanup()


@contextlib.contextmanager
def _monitor(config: dict[str, Any], internal_storage: Any, executor_id: str) -> Iterator[Any]:
    """
    Makes a message queue unless it exists, and closes the connection to it at the end. Lithops closes it in the thread
    that reads the queue, and that isn't started here.
    """
    from lithops.monitoring import JobMonitor

    monitor = JobMonitor(executor_id=executor_id, internal_storage=internal_storage, config=config)
    monitor.prepare()
    try:
        yield monitor
    finally:
        monitor.monitor._close_receiver()
