"""Items that had a result in an earlier run take it, and only those."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.clean import clean_job, clean_older_than
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.objects import bind_objects
from lithops_provider.jobs.inputs.references import bind_references
from lithops_provider.jobs.inputs.reproduce import load_item
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.keys import FUNCTION
from lithops_provider.jobs.remote.results import current_parts
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.cache.entries import CACHE_PREFIX, clear_cache, list_entries
from lithops_provider.jobs.submit.cache.rounds import store_results
from lithops_provider.jobs.submit.spec import Options, make_spec
from lithops_provider.jobs.wait import gather_results
from tests.jobs.conftest import POLL
from tests.jobs.failures import Tally, leave_mark
from tests.jobs.standins import FailingStorage, times


@pytest.fixture(autouse=True)
def _empty_cache(client: LithopsClient) -> None:
    clear_cache(client)


def run_of(client: LithopsClient, binding: Any, items: Any, *, submit: bool = True, **options: Any) -> JobRun:
    spec = make_spec("map", binding, items, Options(**{"cache": True, **options}))
    run = JobRun(client, spec, poll_interval=POLL)
    if submit:
        run.submit()
        run.finish()
    return run


def cached_run(client: LithopsClient, function: Any, items: Any, **options: Any) -> JobRun:
    return run_of(client, *bind_items(function, items), **options)


def square(path: str, x: int) -> int:
    leave_mark(path, str(x))
    if x < 0:
        raise ValueError(x)
    return x * x


def squares(tally: Tally) -> Any:
    return functools.partial(square, tally.path)


def marks(tally: Tally) -> list[int]:
    return sorted(map(int, tally.read()))


def test_a_job_whose_results_cannot_be_cached_is_done_all_the_same(
    client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_of(client, *bind_items(abs, [-1, 2]), submit=False)
    run.submit()
    client.patience = 0.01
    client._internal_storage.storage = FailingStorage(client.storage, times(1_000_000, "put_object", CACHE_PREFIX))

    assert run.finish() is True
    assert run.results() == [1, 2]
    assert f"The results of job {run.job.executor_id} could not be cached" in caplog.text


def test_only_what_is_new_runs(client: LithopsClient, tally: Tally) -> None:
    first = cached_run(client, squares(tally), range(10))
    second = cached_run(client, squares(tally), [*range(5, 15), 7])

    assert first.results() == [x * x for x in range(10)]
    assert second.results() == [x * x for x in [*range(5, 15), 7]]
    assert (first.cached, second.cached) == (0, 6)
    assert marks(tally) == list(range(15))
    assert gather_results(client, second.job) == second.results()


def test_when_all_is_cached_nothing_is_sent(client: LithopsClient, tally: Tally) -> None:
    cached_run(client, squares(tally), range(5))
    again = cached_run(client, squares(tally), range(5))

    assert again.results() == [0, 1, 4, 9, 16]
    assert again.cached == again.job.rounds[0].items == 5
    assert len(again.job.rounds) == 1
    assert marks(tally) == list(range(5))
    assert len(list_entries(client)) == 1  # nothing is stored twice
    assert load_item(client, again.job, 3)() == 9


def test_cleaning_the_job_that_made_them_keeps_cached_results(client: LithopsClient, tally: Tally) -> None:
    clean_job(client, cached_run(client, squares(tally), range(5)).job)

    assert cached_run(client, squares(tally), range(6)).results() == [0, 1, 4, 9, 16, 25]
    assert marks(tally) == list(range(6))


@pytest.mark.parametrize("change", [{"cache_version": "2"}, {"cache_expiration": 1e-6}, {"cache": False}])
def test_another_version_or_an_old_result_runs_again(client: LithopsClient, tally: Tally, change: Any) -> None:
    cached_run(client, squares(tally), range(3))

    assert cached_run(client, squares(tally), range(3), **change).cached == 0
    assert len(marks(tally)) == 6


def test_another_function_or_other_shared_arguments_run_again(client: LithopsClient) -> None:
    cached_run(client, lambda x: x + 1, range(3))

    assert cached_run(client, lambda x: x + 2, range(3)).results() == [2, 3, 4]
    binding, items = bind_items(lambda x, y: x + y, range(3), {"y": 1})
    assert run_of(client, binding, items).cached == 0
    binding, items = bind_items(lambda x, y: x + y, range(3), {"y": 5})
    assert run_of(client, binding, items).results() == [5, 6, 7]


def test_a_function_that_takes_its_index_gets_results_of_that_index_only(client: LithopsClient) -> None:
    cached_run(client, lambda x, id: (x, id), ["a", "b"])
    swapped = cached_run(client, lambda x, id: (x, id), ["b", "a"])

    assert swapped.results() == [("b", 0), ("a", 1)]


def test_failures_are_not_cached(client: LithopsClient, tally: Tally) -> None:
    for _ in range(2):
        run = cached_run(client, squares(tally), [1, -2, 3])
        assert run.results() == [1, None, 9]
        assert [failure.index for failure in run.failures()] == [1]

    assert marks(tally) == [-2, -2, 1, 3]


def test_results_that_stay_in_storage_are_read_by_reference(client: LithopsClient, tally: Tally) -> None:
    cached_run(client, squares(tally), range(3))
    upstream = cached_run(client, squares(tally), range(5))
    binding, items = bind_references(client, lambda x: x + 1, upstream.job.to_dict())

    assert run_of(client, binding, items, cache=False).results() == [1, 2, 5, 10, 17]


def test_a_changed_object_runs_again_and_the_others_do_not(client: LithopsClient) -> None:
    for number in range(4):
        client.put(f"cache-day/{number}", b"a\n")

    def day() -> JobRun:
        function = lambda obj: obj.data_stream.read()  # noqa: E731 - one object for both days would prove less
        binding, items, _ = bind_objects(client, function, f"{client.bucket}/cache-day/", versions=True)
        return run_of(client, binding, items)

    day()
    client.put("cache-day/1", b"b\n")
    client.put("cache-day/4", b"c\n")
    second = day()

    assert second.results() == [b"a\n", b"b\n", b"a\n", b"a\n", b"c\n"]
    assert second.cached == 3


def test_a_run_that_was_cut_off_after_the_cached_round_sends_the_rest(client: LithopsClient, tally: Tally) -> None:
    cached_run(client, squares(tally), range(3))
    cut = cached_run(client, squares(tally), range(6), submit=False)
    cut._send = lambda *arguments: None  # type: ignore[method-assign] - its process ends here
    cut.submit()
    later = cached_run(client, squares(tally), range(6), submit=False)
    later.attach(cut.job)
    later.finish()

    assert later.results() == [0, 1, 4, 9, 16, 25]
    assert later.cached == 3
    assert marks(tally) == list(range(6))


@pytest.mark.parametrize("cut", ["index", "00000"])
def test_a_torn_entry_is_a_missing_one(client: LithopsClient, tally: Tally, cut: str) -> None:
    cached_run(client, squares(tally), range(3))
    (keys,) = list_entries(client).values()
    key = next(key for key in keys if key.endswith(f"/{cut}"))
    data = client.get(client.bucket, key)
    assert data is not None
    for torn in (data[: len(data) // 2], b"\xff" * 100):
        client.put(key, torn)
        later = cached_run(client, squares(tally), range(3), submit=False)
        later.submit()
        assert later.cached == (0 if cut == "index" else 2)  # each item was a call, with a part of its own
        later.cancel()


def test_what_was_twice_among_the_items_is_taken_once(client: LithopsClient, tally: Tally) -> None:
    cached_run(client, squares(tally), [2, 2], batch_size=2)
    later = cached_run(client, squares(tally), [2, 3])

    assert later.results() == [4, 9]
    assert later.cached == 1


def finished_but_not_cached(client: LithopsClient, function: Any, items: Any) -> JobRun:
    run = cached_run(client, function, items)
    clear_cache(client)
    return run


def test_a_damaged_part_is_left_out(client: LithopsClient, tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    run = finished_but_not_cached(client, squares(tally), range(3))
    first, *_ = current_parts(client.keys(client.bucket, f"{run.job.round_prefix()}/"))
    client.put(first, b"damaged")

    store_results(client, run.job, run.spec)

    assert f"{first} is damaged, and is not cached" in caplog.messages
    again = cached_run(client, squares(tally), range(3))
    assert (again.results(), again.cached) == ([0, 1, 4], 2)


def test_results_whose_function_is_gone_are_cached_without_its_modules(client: LithopsClient, tally: Tally) -> None:
    run = finished_but_not_cached(client, squares(tally), range(3))
    client.delete(client.bucket, [f"{run.job.round_prefix()}/{FUNCTION}"])

    store_results(client, run.job, run.spec)

    again = cached_run(client, squares(tally), range(3))
    assert (again.results(), again.cached) == ([0, 1, 4], 3)


@pytest.mark.parametrize(
    "data", [b"", b"damaged", b"\0" * 100, None], ids=["empty", "text", "zeros", "a digest too few"]
)
def test_nothing_is_cached_by_digests_that_are_damaged(
    client: LithopsClient, tally: Tally, data: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    run = finished_but_not_cached(client, squares(tally), range(3))
    key = f"{run.job.prefix}/cache"
    known = client.get(client.bucket, key)
    assert known is not None
    function, code, digests = frames.unpack(known)
    client.put(key, frames.pack([function, code, digests[:-16]]) if data is None else data)

    store_results(client, run.job, run.spec)

    assert f"The results of square are not cached: {key} is missing or damaged" in caplog.messages
    assert list_entries(client) == {}


def test_nothing_is_cached_of_a_function_that_has_changed_meanwhile(
    client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    run = finished_but_not_cached(client, lambda x: x < 1, range(3))
    changed = run_of(client, *bind_items(lambda x: x < 2, range(3)), submit=False)  # as after a deferral

    store_results(client, run.job, changed.spec)

    assert "The results of <lambda> are not cached: the function has changed since it was sent" in caplog.messages
    assert list_entries(client) == {}


def test_two_runs_at_once_do_not_lose_each_others_entries(client: LithopsClient, tally: Tally) -> None:
    runs = [cached_run(client, squares(tally), range(at, at + 3), submit=False) for at in (0, 3)]
    threads = [threading.Thread(target=lambda run=run: (run.submit(), run.finish())) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert cached_run(client, squares(tally), range(6)).cached == 6


@pytest.mark.parametrize("where", ["items", "function", "shared arguments"])
def test_what_cannot_be_digested_is_an_error_before_anything_is_sent(client: LithopsClient, where: str) -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    function = (lambda x, y: deep) if where == "function" else (lambda x, y: 1)
    items = [(deep,)] if where == "items" else [1]
    shared = {"y": deep if where == "shared arguments" else 1}
    run = run_of(client, *bind_items(function, items, shared), submit=False)

    with pytest.raises(InvalidInputError, match=r"cache=True: whether .* the same as in an earlier run can't be told"):
        run.submit()
    assert not run.job.rounds


def test_the_sweep_removes_old_entries_and_no_other(client: LithopsClient, tally: Tally) -> None:
    cached_run(client, squares(tally), range(3))
    clean_older_than(client, 3_600)
    assert len(list_entries(client)) == 1

    assert clear_cache(client, 3_600) == 0
    assert clear_cache(client) == 1
    assert client.keys(client.bucket, f"{CACHE_PREFIX}/") == []


@pytest.mark.thorough
def test_the_second_day_of_ten_thousand_objects_runs_the_hundred_that_are_new(
    client: LithopsClient, tally: Tally
) -> None:
    path, prefix = tally.path, "cache-days/"

    def size(obj: Any) -> int:
        leave_mark(path, obj.key)
        return len(obj.data_stream.read())

    def day(numbers: range, data: bytes) -> JobRun:
        for number in numbers:
            client.put(f"{prefix}{number:05d}", data)
        binding, items, _ = bind_objects(client, size, f"{client.bucket}/{prefix}", versions=True)
        return run_of(client, binding, items)

    first = day(range(9_950), b"a")
    second = day(range(9_900, 10_000), b"bb")  # of which 50 are changed
    client.delete(client.bucket, client.keys(client.bucket, prefix))

    assert first.results() == [1] * 9_950
    assert second.results() == [1] * 9_900 + [2] * 100
    assert (first.cached, second.cached) == (0, 9_900)
    assert sorted(tally.read()[9_950:]) == [f"{prefix}{number:05d}" for number in range(9_900, 10_000)]
