"""Tells the benchmark how much memory and CPU time a task's process took."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = "BENCHMARK_PEAKS"
"""Environment variable with the folder that the numbers go to."""


def report_peaks(context: dict[str, Any]) -> None:
    """
    Write the peak memory of this process and what it had in memory when it was forked, in bytes, and its CPU seconds.

    A success callback: it runs when the task's result is in XCom and its end is on record.

    :param context: Airflow's
    """
    run = context["dag_run"]
    path = Path(os.environ[FOLDER]) / f"task.{run.dag_id}.{run.run_id}"
    partial = path.with_suffix(".partial")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = sys.modules["sitecustomize"].start_bytes
    partial.write_text(f"{peak} {start} {time.process_time()}")
    partial.rename(path)
