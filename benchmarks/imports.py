"""What the import of the operators adds to a DAG file."""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from benchmarks import interpreter

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
            alone, _, _ = interpreter.run(PROBE, home)
            whole, ours, imported = interpreter.run(PROBE, home, "operators")
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
