"""
Adds to the log of a task what only the executor knows: why the call that ran the task has failed. The executor calls
this in a thread.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

logger = logging.getLogger(__name__)


def add_to_task_log(log_path: str, text: str) -> None:
    """
    Adds an error to a task's log on this machine, where the API server reads it if nothing was stored remotely.

    Airflow's own interface for that, ``BaseExecutor.get_task_log``, is called while a task runs, never once it has
    failed. If the log can't be written, the scheduler's log has a warning, and nothing else changes.

    :param log_path: log file of the task's try, below ``[logging] base_log_folder``
    :param text: the error, of any number of lines
    """
    from airflow.sdk.log import init_log_file

    now = datetime.now(timezone.utc).isoformat()
    lines = [
        json.dumps({"timestamp": now, "level": "error", "event": line, "logger": "lithops.executor"})
        for line in text.splitlines()
    ]
    try:
        with open(init_log_file(log_path), "ab") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        logger.warning("The log of a task, %s, can't be written: %s", log_path, error)
