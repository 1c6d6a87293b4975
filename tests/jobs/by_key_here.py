"""Runs the phases of a reduce by key in this process, on real storage, with jobs that are stored as if they had run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lithops_provider.jobs import LithopsClient, LithopsJob, ReduceByKey
from lithops_provider.jobs.remote.items import dump_result
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.remote.reduce.pairs import emit
from lithops_provider.jobs.remote.reduce.shuffle import reduce_keys, shuffle
from lithops_provider.jobs.remote.reduce.stored import AllValues, StoredPairs
from lithops_provider.jobs.submit.plan import store_plan
from tests.jobs.made import make_job


def store_job(client: LithopsClient, results: Sequence[Any]) -> LithopsJob:
    """Stores results as those of a job with a single call."""
    job = make_job(items=len(results), storage=client.storage_backend, bucket=client.bucket)
    part = PartBuilder()
    for index, result in enumerate(results):
        part.add_success(index, 0.0, 0.0, 0, dump_result(result))
    client.put(part_key(f"{job.round_prefix()}/00000", PartName(0, len(results), 0)), part.encode())
    store_plan(client, job, [range(len(results))], None)
    return job


def run_map(client: LithopsClient, reduction: ReduceByKey, function: Any, items: Sequence[Any]) -> LithopsJob:
    """Calls a function for each item, and stores its pairs."""
    return store_job(client, [emit(function, reduction.combine, item) for item in items])


def run_shuffle(client: LithopsClient, reduction: ReduceByKey, mapped: LithopsJob) -> LithopsJob:
    """Shuffles the pairs of a map, and stores what the calls return."""
    items = reduction.items(client, "shuffle", mapped)
    stored = [StoredPairs(client.storage, special["stored"]) for _, _, special in items]
    return store_job(client, [shuffle(reduction.combine, where, AllValues()) for where in stored])


def run_reduce(client: LithopsClient, reduction: ReduceByKey, shuffled: LithopsJob) -> Any:
    """Reduces what was shuffled."""
    items = reduction.items(client, "reduce", shuffled)
    stored = [StoredPairs(client.storage, special["stored"]) for _, _, special in items]
    return reduction.result([reduce_keys(reduction.function, where, AllValues()) for where in stored])


def by_key_here(client: LithopsClient, reduction: ReduceByKey, function: Any, items: Sequence[Any]) -> Any:
    """Runs all phases, and returns the result."""
    return run_reduce(client, reduction, run_shuffle(client, reduction, run_map(client, reduction, function, items)))
