"""What a DAG file with many operators costs to parse, beside one with as many of Airflow's own."""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from benchmarks import interpreter

OPERATORS = 500
_PROBE = """
import json, sys, time
from airflow.sdk import DAG
from airflow.providers.standard.operators.python import PythonOperator
from lithops_provider.operators import LithopsMapOperator
def double(number):
    return 2 * number
begin = time.perf_counter()
with DAG("parsed"):
    for number in range(int(sys.argv[2])):
        if sys.argv[1] == "lithops":
            LithopsMapOperator(task_id=f"task_{number}", map_function=double, map_iterdata=[1, 2, 3])
        else:
            PythonOperator(task_id=f"task_{number}", python_callable=double, op_args=[1])
print(json.dumps(time.perf_counter() - begin))
"""


def measure(repetitions: int) -> dict[str, Any]:
    """
    Parse in fresh interpreters, with the two kinds of operators in turn. The imports aren't counted.

    :param repetitions: how many of each
    :return: ``operators``, and of both the median of the seconds that they take
    """
    seconds: dict[str, list[float]] = {"lithops": [], "python": []}
    with tempfile.TemporaryDirectory(prefix="bench-parse-") as home:
        for _ in range(repetitions):
            for kind, taken in seconds.items():
                taken.append(interpreter.run(_PROBE, home, kind, str(OPERATORS)))
    return {"operators": OPERATORS, **{kind: statistics.median(taken) for kind, taken in seconds.items()}}
