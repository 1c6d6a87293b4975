"""Items through the operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.sdk import DAG
from peaks import report_peaks

from lithops_provider.operators import LithopsMapOperator


def double(number: int) -> int:
    """Do next to nothing."""
    return 2 * number


def describe(number: int, name: str) -> dict[str, Any]:
    """Return as much as came in."""
    return {"number": number, "name": name}


def dicts(count: int) -> list[dict[str, Any]]:
    """Return items that are small dicts."""
    return [{"number": number, "name": f"item {number}"} for number in range(count)]


def generated(count: int) -> Iterator[int]:
    """Yield numbers, so that the items are nowhere as a whole."""
    yield from range(count)


with DAG(
    "benchmark_map",
    schedule=None,
    render_template_as_native_obj=True,
    params={"count": 100, "batch_size": "auto"},
    default_args={"on_success_callback": report_peaks},
):
    LithopsMapOperator(
        task_id="map",
        map_function=double,
        map_iterdata="{{ range(params.count) }}",
        batch_size="{{ params.batch_size }}",
    )

with DAG(
    "benchmark_map_reference",
    schedule=None,
    render_template_as_native_obj=True,
    user_defined_macros={"generated": generated},
    params={"count": 100, "generator": False},
    default_args={"on_success_callback": report_peaks},
):
    LithopsMapOperator(
        task_id="map",
        map_function=double,
        map_iterdata="{{ generated(params.count) if params.generator else range(params.count) }}",
        get_result=False,
    )

with DAG(
    "benchmark_map_dicts",
    schedule=None,
    render_template_as_native_obj=True,
    user_defined_macros={"dicts": dicts},
    params={"count": 100},
    default_args={"on_success_callback": report_peaks},
):
    LithopsMapOperator(task_id="map", map_function=describe, map_iterdata="{{ dicts(params.count) }}")
