from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.gather.failures import make_failure
from lithops_provider.jobs.inputs.reduce import bind_reduce, reduce_items
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.submit.payload import dump_items
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import ItemsRunner, MapStarter, finished


def product(results: list[int]) -> int:
    return reduce(lambda x, y: x * y, results, 1)


def inverse(x: int) -> float | None:
    return None if x == 4 else 4 / x


def test_it_gets_the_list_of_all_results(run_map: MapStarter, run_items: ItemsRunner) -> None:
    mapped = run_map(lambda x, y: x + y, [1, 2, 3], {"y": 1}, batch_size=2)

    run = run_items(bind_reduce(product), reduce_items(mapped.job, None))

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
    batch: BatchRunner, mapped: LithopsJob
) -> None:
    assert reduced(batch, lambda results: results, reduce_items(mapped, None)) == [[2.0, None, 4.0]]


@pytest.mark.parametrize("extra", [[10], {"factor": 10}], ids=["list", "dict"])
def test_more_arguments_and_what_lithops_fills_in(batch: BatchRunner, mapped: LithopsJob, extra: Any) -> None:
    def combine(storage: Any, results: list[int], factor: int, id: int, *, offset: int = 0) -> Any:
        return storage.backend, id, len(results) * factor + offset

    assert reduced(batch, combine, reduce_items(mapped, None), extra) == [("localhost", 0, 30)]


def test_one_reducer_an_object(batch: BatchRunner, mapped: LithopsJob) -> None:
    results = reduced(batch, lambda results: results, reduce_items(mapped, [1, 2, 1]))

    assert results == [[2.0], [None], [4.0]]


def test_nothing_but_a_reference_passes_through_the_client(mapped: LithopsJob) -> None:
    assert len(json.dumps(reduce_items(mapped, None))) < 500


def test_a_failing_reducer_is_one_failed_item(batch: BatchRunner, mapped: LithopsJob) -> None:
    binding = bind_reduce(lambda results: results[99])
    items = reduce_items(mapped, None)

    done = batch(bound=(binding, items))

    failure = make_failure(done.outcomes[0], dump_items(binding, items)[0])
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
