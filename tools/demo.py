"""``make demo``: run the example DAGs in a real Airflow on this machine, and show what came out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.airflow_api import AirflowApiError, DagRun, DagRunFailed
from tools.session import EXAMPLES, say, temporary_airflow

DEMO = ("lithops_test_dag", "lithops_primes")
"""Ids of the DAGs to run, in this order."""

WIDTH = 76
"""How many characters of a result are shown."""


def main(dag_ids: Sequence[str] = DEMO) -> int:
    """
    Run DAGs one after another, print a summary and return the exit status.

    :param dag_ids: the DAGs
    """
    try:
        with folder_of(dag_ids) as dags, temporary_airflow((dags,)) as airflow:
            runs = []
            for dag_id in dag_ids:
                say(f"Running DAG {dag_id}")
                start = time.monotonic()
                runs.append(airflow.api.trigger(dag_id).wait(timeout=600))
                print(f"   {runs[-1].state} after {time.monotonic() - start:.1f} s", flush=True)
            summary = "\n".join(summarize(run) for run in runs)
    except DagRunFailed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    print(f"\nWhat ran, on Lithops's localhost backend: each task, the seconds it took, and its result\n{summary}")
    return 0


@contextmanager
def folder_of(dag_ids: Sequence[str]) -> Iterator[Path]:
    """
    Make a folder with the examples of some DAGs alone. Airflow runs a process for each file it reads, while the first
    DAG waits for the machine.

    :param dag_ids: the DAGs
    """
    with tempfile.TemporaryDirectory(prefix="lithops-demo-") as folder:
        for dag_id in dag_ids:
            shutil.copy(EXAMPLES / f"{dag_id}.py", folder)
        yield Path(folder)


def summarize(run: DagRun) -> str:
    """
    Return the lines that show what a run's tasks did.

    :param run: a run that has ended
    """
    rows = [
        (task["task_id"], task["operator_name"], f"{task['duration']:.1f} s", shorten(result_of(run, task)))
        for task in run.tasks()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {task_id:{widths[0]}}  {operator:{widths[1]}}  {seconds:>{widths[2]}}  {result}"
        for task_id, operator, seconds, result in rows
    ]
    return "\n".join(["", f"{run.dag_id}: {run.state}", *lines])


def result_of(run: DagRun, task: dict[str, Any]) -> Any:
    """
    Return what a task returned; None if that was nothing.

    :param run: the task's run
    :param task: the task as the API shows it
    """
    try:
        return run.xcom(task["task_id"], map_index=task["map_index"])
    except AirflowApiError as error:
        if "404" in str(error):  # Airflow stores nothing for a task that returned None
            return None
        raise


def shorten(value: Any) -> str:
    """
    Return a value as one line of JSON, cut if it is long.

    :param value: anything that JSON takes
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or DEMO))
