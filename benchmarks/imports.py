"""What the import of the operators adds to a DAG file."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

PROBE = """
import json, sys, time
begin = time.perf_counter()
from airflow.sdk import DAG, BaseOperator, task
middle = time.perf_counter()
if sys.argv[1:]:
    from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
end = time.perf_counter()
print(json.dumps([end - begin, end - middle, "lithops" in sys.modules]))
"""


def measure(repetitions: int) -> dict[str, Any]:
    """
    Import in fresh interpreters, with the operators and without in turn.

    :param repetitions: how many of each
    :return: seconds: medians and each repetition; and whether Lithops was imported along
    """
    airflow, both, added = [], [], []
    lithops_imported = False
    with tempfile.TemporaryDirectory(prefix="bench-import-") as home:
        for repetition in range(repetitions + 1):
            alone, _, _ = _probe(home)
            whole, ours, imported = _probe(home, "operators")
            if repetition == 0:
                continue  # compiles
            airflow.append(alone)
            both.append(whole)
            added.append(ours)
            lithops_imported |= imported
    return {
        "airflow_seconds": statistics.median(airflow),
        "with_operators_seconds": statistics.median(both),
        "added_seconds": statistics.median(added),
        "lithops_imported": lithops_imported,
        "samples": {"airflow": airflow, "with_operators": both, "added": added},
    }


def _probe(home: str, *arguments: str) -> tuple[float, float, bool]:
    """Return the seconds of all imports, of the last one alone, and whether Lithops is loaded."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONDONTWRITE"))}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env=env | {"AIRFLOW_HOME": home},
        cwd=home,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=120,
    )
    whole, last, imported = json.loads(done.stdout.splitlines()[-1])
    return whole, last, imported
