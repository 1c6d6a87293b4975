"""Runs the rows under a real Airflow, in turn, and takes their times from its API."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.rows import Row
from benchmarks.texts import provide
from tools import processes
from tools.airflow_api import AirflowApiError, DagRun, DagRunFailed
from tools.airflow_stack import AirflowStack
from tools.session import say, temporary_airflow

DAGS = Path(__file__).parent / "dags"
PROBE = Path(__file__).parent / "probe"
_REST = 1.0
"""Seconds between two runs."""
_SETTLE = 30.0
"""Seconds that what a run left behind may take to end: Lithops's cleaner works when its task is over."""


@dataclass(frozen=True)
class Sample:
    """
    One repetition of a row.

    :param task_seconds: from the start of the run's first task instance to the end of its last
    :param run_seconds: from the start to the end of the DAG run
    :param peak_bytes: of the task's process, as if its worker had not run other tasks before; see `_like_a_new_worker`
    :param cpu_seconds: of the task's process
    :param function_peak_bytes: of the largest process that ran functions through Lithops
    :param function_cpu_seconds: of all these
    :param database_bytes: that the run's XComs have
    :param resume_seconds: from the end of the last item to the moment at which a deferred task is resumed
    :param start_seconds: from the moment at which a task is queued to its start, the median of all of the run
    :param result_digest: of the task's result, for rows that are to have the same
    :param start_bytes: what the task's process had in memory from its worker when it was forked
    """

    task_seconds: float
    run_seconds: float
    peak_bytes: int | None = None
    cpu_seconds: float | None = None
    function_peak_bytes: int | None = None
    function_cpu_seconds: float | None = None
    database_bytes: int | None = None
    resume_seconds: float | None = None
    start_seconds: float | None = None
    result_digest: str | None = None
    start_bytes: int | None = None


class OverLimitError(Exception):
    """A run has taken longer than its row allows."""


def measure(rows: Sequence[Row], repetitions: int) -> dict[str, dict[str, Any]]:
    """
    Run all rows, then all again, and so on, so that whatever else the machine does hits all alike.

    :param rows: what to run
    :param repetitions: how often
    :return: by the rows' keys: contender, items, samples and their medians, errors
    """
    samples: dict[str, list[Sample]] = {row.key: [] for row in rows}
    errors: dict[str, list[str]] = {row.key: [] for row in rows}
    texts = [conf for row in rows for conf in (row.conf, row.first or {}) if "megabytes" in conf]
    local, on_s3 = ({conf["megabytes"] for conf in texts if conf["s3"] is s3} for s3 in (False, True))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, provide(local, on_s3) as variables:
        peaks = Path(folder)
        # Ray makes sockets below its folder, whose names must not be long.
        env = {
            "BENCHMARK_PEAKS": folder,
            # What is measured is the deferral of a job, however short it is.
            "AIRFLOW__LITHOPS__DEFER_AFTER": "0",
            "AIRFLOW__LITHOPS__DEFER_AT_LEAST": "2",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PROBE), os.environ.get("PYTHONPATH")))),
            "RAY_TMPDIR": folder,
            # Airflow's default. Tests have fewer tasks at once.
            "AIRFLOW__CORE__PARALLELISM": "32",
            "AIRFLOW__LITHOPS__MAX_XCOM_SIZE": str(1 << 30),
            "RAY_USAGE_STATS_ENABLED": "0",
            **variables,
        }
        with temporary_airflow([DAGS], env=env) as airflow:
            for dag_id in dict.fromkeys(row.dag_id for row in rows):
                airflow.api.wait_for_dag(dag_id)
            say("Running each DAG of the benchmark once, which is not counted")
            for row in {row.dag_id: row for row in reversed(rows)}.values():
                _try(airflow, replace(row, conf=row.conf if row.first is None else row.first), peaks, [], [])
            for repetition in range(1, repetitions + 1):
                say(f"Repetition {repetition} of {repetitions}")
                for row in rows:
                    if repetition == 1 or not row.once:
                        _try(airflow, row, peaks, samples[row.key], errors[row.key])
    _compare(rows, samples, errors)
    _like_a_new_worker(samples)
    return {
        row.key: {
            "contender": row.contender,
            "items": row.items,
            "limit": row.timeout,
            "over_limit": any(error.startswith(OverLimitError.__name__) for error in errors[row.key]),
            "median": _medians(samples[row.key]),
            "samples": [asdict(sample) for sample in samples[row.key]],
            "errors": errors[row.key],
        }
        for row in rows
    }


def _try(airflow: AirflowStack, row: Row, peaks: Path, samples: list[Sample], errors: list[str]) -> None:
    """Take one sample. What fails is told and kept, and the others go on."""
    print(f"   {row.key}: ", end="", flush=True)
    try:
        sample = _sample(airflow, row, peaks)
    except (AirflowApiError, DagRunFailed, OverLimitError, TimeoutError, httpx.HTTPError) as error:
        print(f"failed: {error}", flush=True)
        errors.append(f"{type(error).__name__}: {error}")
        _settle(airflow)
        _used_by_functions(peaks)
    else:
        print(_line(sample), flush=True)
        samples.append(sample)


def _line(sample: Sample) -> str:
    parts = [f"{sample.task_seconds:.2f} s"]
    if sample.cpu_seconds is not None:
        parts.append(f"CPU {sample.cpu_seconds + (sample.function_cpu_seconds or 0):.2f} s")
    if sample.peak_bytes is not None:
        parts.append(f"{sample.peak_bytes / 1e6:.0f} MB")
    return ", ".join(parts)


def _sample(airflow: AirflowStack, row: Row, peaks: Path) -> Sample:
    run = airflow.api.trigger(row.dag_id, row.conf)
    try:
        # Each look costs the API server time that the measured needs: few of them.
        run.wait(row.timeout, interval=1.0)
    except TimeoutError:
        for task in run.tasks():
            run.mark(task["task_id"], "failed", task["map_index"])
        raise OverLimitError(f"it ran over its limit of {row.timeout:,.0f} s") from None
    tasks = run.tasks()
    task_seconds = _span(min(task["start_date"] for task in tasks), max(task["end_date"] for task in tasks))
    shown = airflow.api.get(run.path)
    peak, start, cpu = _used_by_task(run, peaks) if len(tasks) == 1 else (None, None, None)
    resumed = peaks / f"resumed.{run.dag_id}.{run.run_id}"
    _settle(airflow)
    function_peak, function_cpu = _used_by_functions(peaks)
    return Sample(
        task_seconds=task_seconds,
        run_seconds=_span(shown["start_date"], shown["end_date"]),
        peak_bytes=peak,
        cpu_seconds=cpu,
        function_peak_bytes=function_peak,
        function_cpu_seconds=function_cpu,
        database_bytes=_database_bytes(airflow, run),
        resume_seconds=float(resumed.read_text()) if resumed.exists() else None,
        start_seconds=statistics.median(_span(task["queued_when"], task["start_date"]) for task in tasks),
        result_digest=_result_digest(airflow, run) if row.family == "words" else None,
        start_bytes=start,
    )


def _compare(rows: Sequence[Row], samples: dict[str, list[Sample]], errors: dict[str, list[str]]) -> None:
    """Make it an error of a row if it hasn't the result that most rows of its family and size have."""
    for family in {(row.family, row.items) for row in rows}:
        keys = [row.key for row in rows if (row.family, row.items) == family]
        digests = {key: {sample.result_digest for sample in samples[key]} - {None} for key in keys}
        counts = collections.Counter(digest for found in digests.values() for digest in found)
        for key, found in digests.items():
            if found - {digest for digest, _ in counts.most_common(1)}:
                errors[key].append("its result isn't that of the others")
                samples[key].clear()


def _like_a_new_worker(samples: dict[str, list[Sample]]) -> None:
    """
    Make the peaks of all tasks those of tasks whose worker has the least memory of all. A task's process is a fork of
    its worker, and a worker keeps memory of what it passed on for other tasks, such as a million results.
    """
    starts = [sample.start_bytes for taken in samples.values() for sample in taken if sample.start_bytes is not None]
    for taken in samples.values():
        taken[:] = [
            sample
            if sample.peak_bytes is None or sample.start_bytes is None
            else replace(sample, peak_bytes=sample.peak_bytes - sample.start_bytes + min(starts))
            for sample in taken
        ]


def _result_digest(airflow: AirflowStack, run: DagRun) -> str:
    query = "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND key = 'return_value'"
    with contextlib.closing(sqlite3.connect(airflow.home / "airflow.db")) as database:
        found = database.execute(query, (run.dag_id, run.run_id)).fetchone()
    value = json.loads(found[0]) if found else None
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _database_bytes(airflow: AirflowStack, run: DagRun) -> int:
    query = "SELECT coalesce(sum(length(CAST(value AS BLOB))), 0) FROM xcom WHERE dag_id = ? AND run_id = ?"
    with contextlib.closing(sqlite3.connect(airflow.home / "airflow.db")) as database:
        (found,) = database.execute(query, (run.dag_id, run.run_id)).fetchone()
    return int(found)


def _span(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _used_by_task(run: DagRun, folder: Path) -> tuple[int, int, float]:
    """Return what the task's callback writes, when for Airflow the run is over: see dags/peaks.py."""
    path = folder / f"task.{run.dag_id}.{run.run_id}"
    deadline = time.monotonic() + 20
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the task of {run.dag_id} did not tell what it used")
        time.sleep(0.1)
    peak, start, cpu = path.read_text().split()
    return int(peak), int(start), float(cpu)


def _used_by_functions(folder: Path) -> tuple[int | None, float | None]:
    """Return the same of the processes with functions, if there were any: the largest peak, the CPU of all."""
    found = [path.read_text().split() for path in folder.glob("functions.*")]
    for path in folder.glob("functions.*"):
        path.unlink()
    if not found:
        return None, None
    return max(int(peak) for peak, _ in found), sum(float(cpu) for _, cpu in found)


def _settle(airflow: AirflowStack) -> None:
    """Wait until nothing of a run is left that would slow the next one; end what stays."""
    processes.end(processes.wait_gone(airflow.strays, seconds=_SETTLE))
    airflow.check_alive()
    time.sleep(_REST)


def _medians(samples: list[Sample]) -> dict[str, float]:
    """Return the median of each number that the samples have."""
    found: dict[str, float] = {}
    for name in Sample.__dataclass_fields__:
        values = [value for sample in samples if isinstance(value := getattr(sample, name), (int, float))]
        if values:
            found[name] = round(statistics.median(values), 4)
    return found
