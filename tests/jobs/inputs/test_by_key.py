"""A reduce by key, phase by phase, and as a whole."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs import LithopsJob, Options, ReduceByKey, clean_job, gather_results, make_spec, reduce_job
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.run import JobRun
from tests.jobs.batches import BatchRunner
from tests.jobs.by_key import died, letters, sorted_values, total, with_all_keys
from tests.jobs.by_key_here import by_key_here, run_map, run_shuffle, store_job
from tests.jobs.conftest import POLL, finished


def mapped(client: LithopsClient, reduction: ReduceByKey, function: Any, items: Any, **options: Any) -> LithopsJob:
    return finished(client, *bind_items(reduction.map_function(function), items), **options).job


def by_key(client: LithopsClient, reduction: ReduceByKey, function: Any, items: Any, **options: Any) -> Any:
    return reduce_job(client, mapped(client, reduction, function, items, **options), reduction, poll_interval=POLL)


def test_values_of_a_key_come_together(client: LithopsClient) -> None:
    words = ["banana", "ananas", "", "cab"]

    found = by_key(client, ReduceByKey(total, combine=total, reducers=3), letters, words, max_concurrency=2)

    assert found == [[letter, count] for letter, count in sorted(Counter("".join(words)).items())]


def test_keys_of_mixed_kinds_meet_as_in_a_dict(client: LithopsClient) -> None:
    expected: dict[Any, list[int]] = defaultdict(list)
    for number in range(6):
        for key, value in with_all_keys(number):
            expected[key].append(value)

    first = by_key_here(client, ReduceByKey(sorted_values, reducers=4), with_all_keys, range(6))
    second = by_key_here(client, ReduceByKey(sorted_values, reducers=1), with_all_keys, range(6))

    assert dict(first) == {key: sorted(values) for key, values in expected.items()}
    assert first == second  # in an order that doesn't depend on how the work was divided


def test_each_reducer_reads_its_own_range(client: LithopsClient, monkeypatch: Any) -> None:
    def many(start: int) -> list[tuple[int, bytes]]:
        return [(start + number, bytes(300)) for number in range(3_000)]

    monkeypatch.setattr(client.compute, "capacity", lambda: 2)
    reduction = ReduceByKey(total, reducers=5)
    job = run_map(client, reduction, many, [0, 3_000, 6_000, 9_000])
    shuffled = run_shuffle(client, reduction, job)

    items = [special["stored"]["segments"] for _, _, special in reduction.items(client, "reduce", shuffled)]

    stored = {entry["key"]: entry["offsets"] for entry in gather_results(client, shuffled)}
    assert len(stored) == 2  # one object for each call
    assert len(items) == 5
    for number, segments in enumerate(items):
        assert segments == [(key, offsets[number], offsets[number + 1]) for key, offsets in stored.items()]
    for key, offsets in stored.items():
        assert len(client.get(client.bucket, key) or b"") == offsets[-1]
        sizes = [end - start for start, end in itertools.pairwise(offsets)]
        assert min(sizes) > 0.7 * max(sizes)
        assert key.startswith(f"lithops.jobs/{job.executor_id}/")  # so that cleaning the map cleans it
    clean_job(client, job)
    assert [key for key in stored if client.get(client.bucket, key) is not None] == []


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ReduceByKey(total, reducers=0), "reducers must be at least 1, got 0"),
        (lambda: ReduceByKey(abs).bind("reduce"), "a key and its values does not fit abs"),
        (lambda: ReduceByKey(lambda values: 1).bind("reduce"), "a key and its values does not fit"),
        (lambda: ReduceByKey(total, combine=lambda values: 1), "a key and the list of its values does not fit"),
        (lambda: ReduceByKey(total, combine=7), "combine_function must be a function, got int: 7"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_refused(make: Any, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        make()


def test_a_map_function_of_any_kind_and_what_lithops_fills_in(batch: BatchRunner) -> None:
    class Factor:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def __call__(self, number: int, id: int, storage: Any) -> Iterator[tuple[str, int]]:
            yield storage.backend, self.factor * number + id

    mapped = batch(bound=bind_items(ReduceByKey(total).map_function(Factor(10)), [1, 2]))

    assert mapped.failures() == {}
    assert mapped.results() == {0: [("localhost", 10)], 1: [("localhost", 21)]}


def test_more_arguments_of_a_reduce_and_what_lithops_fills_in(client: LithopsClient, batch: BatchRunner) -> None:
    def largest(storage: Any, key: str, values: Any, plus: int, id: int) -> tuple[str, str, int, int]:
        return storage.backend, key, max(values) + plus, id

    reduction = ReduceByKey(largest, {"plus": 1000}, reducers=1)
    shuffled = run_shuffle(client, reduction, store_job(client, [{"a": 10}, {"a": 21}]))

    reduced = batch(bound=(reduction.bind("reduce"), reduction.items(client, "reduce", shuffled)))

    assert reduced.failures() == {}
    assert reduction.result([reduced.results()[0]]) == [["a", ("localhost", "a", 1021, 0)]]


def test_what_is_no_pairs_fails_the_item(batch: BatchRunner) -> None:
    reduction = ReduceByKey(total)

    (failure,) = batch(bound=bind_items(reduction.map_function(len), ["ab"])).failures().values()

    assert failure["type"] == "TypeError"
    assert "has to return a dict, or return or yield pairs" in failure["message"]
    assert failure["message"].endswith("this one has returned int: 2")


@pytest.mark.parametrize(
    "moments",
    [[7], pytest.param([1, 5, 9, 14, 18, 23, 27, 31, 34, 38], marks=pytest.mark.thorough)],
    ids=["one moment", "ten moments"],
)
def test_calls_that_die_and_run_again_count_once(client: LithopsClient, tmp_path: Path, moments: list[int]) -> None:
    path = str(tmp_path / "moments")

    def numbers(number: int) -> list[tuple[int, int]]:
        died(path, moments)
        return [(number % 3, number), (number % 3, 1_000)]

    def add(key: int, values: Any) -> int:
        died(path, moments)
        return sum(values)

    reduction = ReduceByKey(add, reducers=2, combine=add if len(moments) > 1 else None)
    spec = make_spec("map", *bind_items(reduction.map_function(numbers), range(15)), Options(max_concurrency=2))
    run = JobRun(client, spec, poll_interval=POLL, item_retries=10)
    run.submit()
    run.finish()
    assert json.loads(json.dumps(run.failures())) == []
    found = reduce_job(client, run.job, reduction, poll_interval=POLL, item_retries=10)

    assert found == [[key, sum(number + 1_000 for number in range(15) if number % 3 == key)] for key in range(3)]
    assert len(Path(path).read_text().split()) > max(moments)
