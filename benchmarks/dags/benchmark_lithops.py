"""
Plain Lithops in a @task, as its documentation shows it. Functions that a DAG file defines have to be inside of others
for that: Lithops's workers can't import DAG files.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG, task
from peaks import report_peaks

with DAG(
    "benchmark_lithops",
    schedule=None,
    params={"count": 100, "version": 2},
    default_args={"on_success_callback": report_peaks},
):

    @task
    def plain(params: dict[str, Any]) -> list[int]:
        """Map with one call an item. Version 2 of the localhost backend is Lithops's default."""
        import lithops

        def double(number: int) -> int:
            return 2 * number

        options = {} if params["version"] == 2 else {"config": one_process_a_job()}
        fexec = lithops.FunctionExecutor(**options)
        fexec.map(double, range(params["count"]))
        results: list[int] = fexec.get_result()
        return results

    plain()

with DAG(
    "benchmark_lithops_batches",
    schedule=None,
    params={"count": 100, "dicts": False},
    default_args={"on_success_callback": report_peaks},
):

    @task
    def batches(params: dict[str, Any]) -> list[Any]:
        """Map over batches made by hand, as many as the operator makes: the least memory plain Lithops can do with."""
        import lithops

        def double_all(numbers: list[int]) -> list[int]:
            return [2 * number for number in numbers]

        def describe_all(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{"number": item["number"], "name": item["name"]} for item in items]

        items: list[Any] = list(range(params["count"]))
        if params["dicts"]:
            items = [{"number": number, "name": f"item {number}"} for number in items]
        size = -(-len(items) // (4 * (os.cpu_count() or 1)))
        fexec = lithops.FunctionExecutor(config=one_process_a_job())
        function = describe_all if params["dicts"] else double_all
        fexec.map(function, [items[first : first + size] for first in range(0, len(items), size)])
        return [result for batch in fexec.get_result() for result in batch]

    batches()


def one_process_a_job() -> dict[str, Any]:
    """Return the configuration of version 1 of the localhost backend, without the limit of 4 MiB of items."""
    return {
        "lithops": {"backend": "localhost", "storage": "localhost", "data_limit": False},
        "localhost": {"version": 1},
    }
