from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.inputs.reductions import TreeReduce
from lithops_provider.jobs.inputs.tree import tree_items
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.reduce.spans import read_sized
from lithops_provider.jobs.submit.plan import store_plan
from lithops_provider.jobs.wait import gather_results
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import finished
from tests.jobs.elsewhere import sent, store
from tests.jobs.standins import CountingStorage

#: Bytes of a result, of which the map has 30 in each of its two calls, so that each reads a range of many.
SIZE = 50_000


def fails_at_seven(x: int) -> tuple[list[int], bytes]:
    if x == 7:
        raise ValueError("seven")
    return [x], bytes(SIZE)


def join(results: list[tuple[list[int], bytes]]) -> tuple[list[int], bytes]:
    assert len(results) <= 4
    return [number for numbers, _ in results for number in numbers], results[0][1]


@pytest.fixture(scope="module")
def mapped() -> LithopsJob:
    """Numbers from 0 to 59, of which one failed, each with many bytes."""
    return finished(LithopsClient(resolve_config()), *bind_items(fails_at_seven, range(60)), max_concurrency=2).job


@pytest.fixture
def storage(client: LithopsClient) -> CountingStorage:
    return CountingStorage(client.storage)


def read(storage: Any, item: Any) -> list[Any]:
    ((_, (reference,), _),) = item[2]["results"]
    return [value for value, _ in read_sized(storage, reference["bucket"], reference["spans"])]


def test_every_result_is_in_one_group_in_order_and_read_as_a_range(
    client: LithopsClient, mapped: LithopsJob, storage: CountingStorage
) -> None:
    groups = [[numbers for (numbers,), _ in read(storage, item)] for item in tree_items(client, mapped, 4)]

    assert [number for group in groups for number in group] == [number for number in range(60) if number != 7]
    assert {len(group) for group in groups} == {3, 4}  # of about the same size, so that none is left with a single one
    assert storage.bytes < 59 * (SIZE + 100)  # nothing is read twice
    assert storage.listed == []


def test_levels_follow_until_one_result_is_left(client: LithopsClient, batch: BatchRunner, mapped: LithopsJob) -> None:
    reduction = TreeReduce(join, fan_in=4)
    phase, job, phases = "map", mapped, []

    while phase != "reduce":
        phase = reduction.next_phase(phase, job)
        phases.append((phase, len(items := reduction.items(client, phase, job))))
        job = finished(client, reduction.bind(phase), items).job if phase != "reduce" else job

    done = batch(bound=(reduction.bind(phase), items))
    assert done.failures() == {}
    assert reduction.result([done.results()[0][0]]) == [number for number in range(60) if number != 7]
    assert phases == [("reduce-1", 15), ("reduce-2", 4), ("reduce", 1)]


def test_of_an_item_that_ran_twice_the_result_counts_that_whoever_gathers_the_job_gets(client: LithopsClient) -> None:
    job = sent(client, items=1, calls=1)
    store(client, job, 0, {0: ["first"]})
    later = job.with_round(1, 1)
    store_plan(client, later, [[0]], None)
    store(client, later, 0, {0: ["second"]})

    (item,) = tree_items(client, later, 2)

    assert read(client.storage, item) == gather_results(client, later) == [["first"]]


def test_if_everything_failed_the_function_gets_an_empty_list(client: LithopsClient, storage: CountingStorage) -> None:
    def fail(x: int) -> None:
        raise ValueError(x)

    job = finished(client, *bind_items(fail, range(3))).job

    assert [read(storage, item) for item in tree_items(client, job, 2)] == [[]]
