from __future__ import annotations

import json
from functools import reduce
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.gather.failures import make_failure
from lithops_provider.jobs.inputs.objects import bind_objects
from lithops_provider.jobs.inputs.reduce import bind_reduce, reduce_items
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.reduce.values import _HEAD, read_values
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.items import dump_items
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import POLL, ItemsRunner, MapStarter, Tally, finished
from tests.jobs.failures import leave_mark
from tests.jobs.standins import CountingStorage


def product(results: list[int]) -> int:
    return reduce(lambda x, y: x * y, results, 1)


def inverse(x: int) -> float | None:
    return None if x == 4 else 4 / x


def test_it_gets_the_list_of_all_results(client: LithopsClient, run_map: MapStarter, run_items: ItemsRunner) -> None:
    mapped = run_map(lambda x, y: x + y, [1, 2, 3], {"y": 1}, batch_size=2)

    run = run_items(bind_reduce(product), reduce_items(client, mapped.job, None))

    assert run.results() == [24]


@pytest.fixture(scope="module")
def mapped() -> LithopsJob:
    """The inverses of 2, 0, 4 and 1, of which one failed and one is None."""
    return finished(LithopsClient(resolve_config()), *bind_items(inverse, [2, 0, 4, 1]), batch_size=3).job


def reduced(batch: BatchRunner, function: Any, items: Any, extra_args: Any = None) -> Any:
    done = batch(bound=(bind_reduce(function, extra_args), items))
    assert done.failures() == {}
    return list(done.results().values())


def test_order_is_kept_none_stays_none_and_items_that_failed_are_left_out(
    client: LithopsClient, batch: BatchRunner, mapped: LithopsJob
) -> None:
    assert reduced(batch, lambda results: results, reduce_items(client, mapped, None)) == [[2.0, None, 4.0]]


@pytest.mark.parametrize("extra", [[10], {"factor": 10}], ids=["list", "dict"])
def test_more_arguments_and_what_lithops_fills_in(
    client: LithopsClient, batch: BatchRunner, mapped: LithopsJob, extra: Any
) -> None:
    def combine(storage: Any, results: list[int], factor: int, id: int, *, offset: int = 0) -> Any:
        return storage.backend, id, len(results) * factor + offset

    assert reduced(batch, combine, reduce_items(client, mapped, None), extra) == [("localhost", 0, 30)]


def test_one_reducer_an_object(client: LithopsClient, batch: BatchRunner, mapped: LithopsJob) -> None:
    results = reduced(batch, lambda results: results, reduce_items(client, mapped, [1, 2, 1]))

    assert results == [[2.0], [None], [4.0]]


def numbered(obj: Any, id: int) -> bytes:
    return bytes([id]) * 100_000


def test_a_reducer_of_an_object_reads_its_own_results_alone(
    client: LithopsClient, run_items: ItemsRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects of 1 to 3 chunks, several objects a call, and an item that was done in a second round."""
    for number, lines in enumerate((1, 3, 2, 1, 3, 2)):
        client.put(f"counted/{number}", b"line\n" * lines)
    binding, items, chunks = bind_objects(client, numbered, f"{client.bucket}/counted/", chunk_size=5)
    mapped = run_items(binding, items, batch_size=5).job
    counted = CountingStorage(client.storage)

    read = [
        [value for reference in special["results"][0][1] for value in read_values(counted, reference)]
        for _, _, special in reduce_items(client, mapped, chunks)
    ]

    values = [bytes([number]) * 100_000 for number in range(12)]
    assert read == [values[end - count : end] for end, count in zip(accumulate(chunks), chunks, strict=True)]
    assert counted.bytes < 12 * 100_000 + len(chunks) * 2 * _HEAD  # and not each time what all calls have stored
    assert len(counted.listed) <= len(chunks) + 3


@pytest.mark.parametrize("lose_plan", [False, True])
def test_items_of_a_second_round_are_found_whether_or_not_its_plan_is_there(
    client: LithopsClient, batch: BatchRunner, tally: Tally, lose_plan: bool
) -> None:
    path = tally.path

    def second_time_lucky(x: int) -> int:
        leave_mark(path, str(x))
        if x == 2 and Path(path).read_text().split().count("2") < 2:
            raise ValueError("not yet")
        return x * 10

    spec = make_spec("map", *bind_items(second_time_lucky, range(4)), Options(batch_size=2))
    run = JobRun(client, spec, poll_interval=POLL, item_retries=1)
    run.submit()
    run.finish()
    assert len(run.job.rounds) == 2
    if lose_plan:
        client.delete(client.bucket, [run.job.plan_key(1)])

    results = reduced(batch, lambda results: results, reduce_items(client, run.job, [1, 2, 1]))

    assert results == [[0], [10, 20], [30]]


def test_nothing_but_a_reference_passes_through_the_client(client: LithopsClient, mapped: LithopsJob) -> None:
    assert len(json.dumps(reduce_items(client, mapped, None))) < 500


def test_a_failing_reducer_is_one_failed_item(client: LithopsClient, batch: BatchRunner, mapped: LithopsJob) -> None:
    binding = bind_reduce(lambda results: results[99])
    items = reduce_items(client, mapped, None)

    done = batch(bound=(binding, items))

    failure = make_failure(done.outcomes[0], dump_items(binding, items))
    assert (failure.type, failure.item) == ("IndexError", "<results of another job>")


@pytest.mark.parametrize(
    ("function", "extra"),
    [(lambda: 1, None), (lambda results, factor: 1, None), (lambda results: 1, [2])],
    ids=["takes nothing", "wants more", "takes less"],
)
def test_a_reducer_that_does_not_fit_is_refused(function: Any, extra: Any) -> None:
    with pytest.raises(InvalidInputError, match="the list of the map's results does not fit"):
        bind_reduce(function, extra)


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="reduce_function must be a function, got NoneType"):
        bind_reduce(None)  # type: ignore[arg-type]
