"""Map, map, reduce over 50 results of 1 MB: by reference, by value, and with Airflow's task mapping."""

from __future__ import annotations

from airflow.sdk import DAG, task

from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator

ITEMS = 50


def make(number: int) -> str:
    """Return a megabyte of text, which XCom takes."""
    return chr(ord("a") + number % 26) * 1_000_000


def change(text: str) -> str:
    """Return another."""
    return text.upper()


for name, kept in (("reference", False), ("value", True)):
    with DAG(f"benchmark_chain_{name}", schedule=None):
        made = LithopsMapOperator(task_id="make", map_function=make, map_iterdata=range(ITEMS), get_result=kept)
        changed = LithopsMapOperator(task_id="change", map_function=change, map_iterdata=made.output, get_result=kept)
        LithopsMapReduceOperator(task_id="sum", map_function=len, map_iterdata=changed.output, reduce_function=sum)

with DAG("benchmark_chain_expand", schedule=None):

    @task
    def add_up(sizes: list[int]) -> int:
        """Return the sum."""
        return sum(sizes)

    @task
    def size(text: str) -> int:
        """Return the size."""
        return len(text)

    add_up(size.expand(text=task(change).expand(text=task(make).expand(number=list(range(ITEMS))))))
