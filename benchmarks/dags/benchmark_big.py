"""What is large: cached items, results that don't fit into one call, and text whose words are counted."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from airflow.sdk import DAG
from peaks import report_peaks
from words import BUCKET, CONNECTION, local_folder

from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator

RESULT = 100_000
"""Bytes of a result that is reduced."""


def double(number: int) -> int:
    """Do next to nothing."""
    return 2 * number


def make(number: int) -> str:
    """Return a large result."""
    return chr(ord("a") + number % 26) * RESULT


def largest(texts: list[str]) -> str:
    """Return one of them, which is of their kind."""
    return max(texts)


def count_words(obj: Any) -> Counter[str]:
    """Return how often each word is in a chunk."""
    counts: Counter[str] = Counter()
    for line in obj.lines():
        counts.update(line.split())
    return counts


def add(word: str, counts: Any) -> int:
    """Return how often a word is in the text."""
    return sum(counts)


settings: dict[str, Any] = {
    "schedule": None,
    "render_template_as_native_obj": True,
    "default_args": {"on_success_callback": report_peaks, "clean_data": True},
}

# The first run, which isn't counted, fills the cache.
with DAG("benchmark_map_cached", params={"count": 100}, **settings):
    LithopsMapOperator(
        task_id="map",
        map_function=double,
        map_iterdata="{{ range(params.count) }}",
        get_result=False,
        cache=True,
        cache_version="benchmark",
    )

with DAG("benchmark_tree", params={"count": 100, "fan_in": 100}, **settings):
    LithopsMapReduceOperator(
        task_id="reduce",
        map_function=make,
        map_iterdata="{{ range(params.count) }}",
        reduce_function=largest,
        reduce_fan_in="{{ params.fan_in }}",
    )

# Like Ray Data beside it, it gets a call for each core to add the counts of these few words.
counting: dict[str, Any] = {
    "task_id": "count",
    "map_function": count_words,
    "obj_chunk_size": 64 << 20,
    "reduce_function": add,
    "reduce_by_key": True,
    "combine_function": add,
    "reducers": os.cpu_count(),
}

with DAG("benchmark_words", params={"megabytes": 10}, user_defined_macros={"local_folder": local_folder}, **settings):
    LithopsMapReduceOperator(map_iterdata="{{ local_folder(params.megabytes) }}", **counting)

with DAG("benchmark_words_s3", params={"megabytes": 10}, **settings):
    LithopsMapReduceOperator(
        map_iterdata=f"{BUCKET}/{{{{ params.megabytes }}}}/", lithops_conn_id=CONNECTION, **counting
    )
