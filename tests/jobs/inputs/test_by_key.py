"""A reduce by key, phase by phase, and as a whole."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs import LithopsJob, Options, ReduceByKey, clean_job, gather_results, make_spec, reduce_job
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, ItemsFailedError
from lithops_provider.jobs.run import JobRun
from tests.jobs.batches import BatchRunner
from tests.jobs.by_key import died, letters, sorted_values, total, with_all_keys
from tests.jobs.by_key_here import by_key_here, run_map, run_reduce, run_shuffle, store_job
from tests.jobs.conftest import POLL, finished
from tests.jobs.elsewhere import sent, store


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


@pytest.mark.parametrize(("words", "expected"), [(["the quick brown fox"], 3), (["aaa", "a"], 1)])
def test_by_itself_there_are_as_many_reducers_as_the_backend_takes_calls_at_once(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: int
) -> None:
    monkeypatch.setattr(client.compute, "capacity", lambda: 3)
    reduction = ReduceByKey(total)

    shuffled = run_shuffle(client, reduction, run_map(client, reduction, letters, words))

    assert len(reduction.items(client, "reduce", shuffled)) == expected  # at most one for each key


@pytest.mark.parametrize("combine", [None, total], ids=["as they are", "combined"])
def test_pairs_of_items_that_failed_do_not_count(client: LithopsClient, combine: Any) -> None:
    job = sent(client, items=4, calls=1)
    store(client, job, 0, {0: [("a", 1), ("a", 1)], 1: "why it failed", 2: {"a": 1, "b": 2}, 3: None})
    reduction = ReduceByKey(total, combine=combine)

    assert run_reduce(client, reduction, run_shuffle(client, reduction, job)) == [["a", 3], ["b", 2]]


def test_without_a_single_pair_there_is_nothing_to_reduce(client: LithopsClient) -> None:
    assert reduce_job(client, store_job(client, [[], {}, None]), ReduceByKey(total), poll_interval=POLL) == []


async def later(x: int) -> None: ...


async def pairs_later(x: int) -> AsyncIterator[tuple[str, int]]:
    yield "key", x


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ReduceByKey(total, reducers=0), "reducers must be at least 1, got 0"),
        (lambda: ReduceByKey(abs).bind("reduce"), "a key and its values does not fit abs"),
        (lambda: ReduceByKey(lambda values: 1).bind("reduce"), "a key and its values does not fit"),
        (lambda: ReduceByKey(total, combine=lambda values: 1), "a key and the list of its values does not fit"),
        (lambda: ReduceByKey(total, combine=7), "combine_function must be a function, got int: 7"),  # type: ignore[arg-type]
        (lambda: bind_items(ReduceByKey(total).map_function(7), [1]), "map_function must be a function, got int: 7"),
        (lambda: bind_items(ReduceByKey(total).map_function(later), [1]), "map_function: later is an async function"),
        (lambda: bind_items(ReduceByKey(total).map_function(pairs_later), [1]), "pairs_later is a generator function"),
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


def test_an_item_whose_pairs_cannot_be_combined_or_pickled_fails_alone(batch: BatchRunner) -> None:
    def pairs(number: int) -> list[tuple[Any, int]]:
        return [[("a", 1), ("b", 2)], [("a", 1), ("a", 0)], [(threading.Lock(), 1)]][number]

    def divide(key: str, values: Any) -> float:
        one, other = values
        return float(one / other)

    done = batch(bound=bind_items(ReduceByKey(total, combine=divide).map_function(pairs), range(3)))

    assert done.results() == {0: {"a": 1, "b": 2}}
    failures = done.failures()
    assert (failures[1]["type"], failures[2]["type"]) == ("ZeroDivisionError", "TypeError")
    assert re.search("the result, of type dict, can't be pickled: .*lock", failures[2]["message"])


def test_what_is_no_pairs_fails_the_item(batch: BatchRunner) -> None:
    reduction = ReduceByKey(total)

    (failure,) = batch(bound=bind_items(reduction.map_function(len), ["ab"])).failures().values()

    assert failure["type"] == "TypeError"
    assert "has to return a dict, or return or yield pairs" in failure["message"]
    assert failure["message"].endswith("this one has returned int: 2")


@pytest.mark.parametrize(
    "moments",
    [
        {"map": [7]},
        pytest.param({"map": [1, 5, 9, 14, 18], "shuffle": [1, 3], "reduce": [1, 2, 4]}, marks=pytest.mark.thorough),
    ],
    ids=["one moment", "ten moments"],
)
def test_calls_that_die_and_run_again_count_once(
    client: LithopsClient, tmp_path: Path, moments: dict[str, list[int]]
) -> None:
    """At moments of each phase, the first of which is number 1: the whole call is killed."""
    folder = str(tmp_path)

    def may_die(phase: str) -> None:
        died(f"{folder}/{phase}", moments.get(phase, []))

    def numbers(number: int) -> list[tuple[int, int]]:
        may_die("map")
        return [(number % 3, number), (number % 3, 1_000)]

    def combine(key: int, values: Any) -> int:
        may_die("map" if len(values) == 2 else "shuffle")  # there are the values of five items
        return sum(values)

    def add(key: int, values: Any) -> int:
        may_die("reduce")
        return sum(values)

    reduction = ReduceByKey(add, reducers=2, combine=combine if len(moments) > 1 else None)
    spec = make_spec("map", *bind_items(reduction.map_function(numbers), range(15)), Options(max_concurrency=2))
    run = JobRun(client, spec, poll_interval=POLL, item_retries=10)
    run.submit()
    run.finish()
    assert json.loads(json.dumps(run.failures())) == []
    found = reduce_job(client, run.job, reduction, poll_interval=POLL, item_retries=10)

    assert found == [[key, sum(number + 1_000 for number in range(15) if number % 3 == key)] for key in range(3)]
    for phase, deadly in moments.items():
        assert len(Path(folder, phase).read_text().split()) > max(deadly)


def test_a_reduction_that_fails_is_an_error_that_says_of_what(client: LithopsClient) -> None:
    def add(key: Any, values: Any) -> Any:
        raise ValueError(f"no total of {key}")

    with pytest.raises(ItemsFailedError, match=r"1 of 1 item\(s\) of add failed") as raised:
        by_key(client, ReduceByKey(add, reducers=1), letters, ["a"])
    assert [failure.message for failure in raised.value.failures] == ["no total of a"]


@pytest.mark.thorough
def test_a_million_keys_beside_a_hot_one_need_little_memory(client: LithopsClient) -> None:
    def many(start: int) -> Iterator[tuple[Any, int]]:
        for number in range(start, start + 50_000):
            yield number, 1
            yield "hot", number

    def add(key: Any, values: Any) -> Any:
        import resource

        added = sum(values)
        return (added, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) if key == "hot" else added

    found = dict(by_key(client, ReduceByKey(add, reducers=4), many, range(0, 1_000_000, 50_000)))

    hot, peak = found.pop("hot")
    assert hot == sum(range(1_000_000))
    assert found == dict.fromkeys(range(1_000_000), 1)
    assert peak < 300_000_000
