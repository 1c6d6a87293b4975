"""Reduces that need more than one phase."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

from lithops_provider.operators import LithopsMapReduceOperator


def fails_once(numbers: list[int], path: str) -> int:
    """Fail for the group with 0 the first time that it is called."""
    if 0 in numbers:
        with contextlib.suppress(FileExistsError):
            Path(path).touch(exist_ok=False)
            raise ValueError("the first time")
    return sum(numbers)


def add(key: str, counts: Iterable[int]) -> int:
    """Add up the counts of a letter."""
    return sum(counts)


for name, deferrable in (("sync", False), ("deferred", True)):
    with DAG(f"reduce_{name}", schedule=None, default_args={"deferrable": deferrable, "poll_interval": 0.2}):

        @task.lithops_map_reduce(reduce_function=sum, reduce_fan_in=5)
        def tree(x: int) -> int:
            """Make a number to add up."""
            return x

        @task.lithops_map_reduce(reduce_function=add, reduce_by_key=True, combine_function=add, reducers=2)
        def letters(word: str) -> Iterator[tuple[str, int]]:
            """Yield each letter, and 1."""
            for letter in word:
                yield letter, 1

        tree(range(30))
        letters(["banana", "ananas", "cab"])
        LithopsMapReduceOperator(
            task_id="tree_with_a_failure",
            map_function=abs,
            map_iterdata=range(4),
            reduce_function=fails_once,
            extra_args_reduce=["{{ dag_run.conf['folder'] }}/{{ dag.dag_id }}"],
            reduce_fan_in="{{ 2 }}",
            min_success_ratio=0.1,
            retries=1,
            retry_delay=timedelta(seconds=1),
        )
