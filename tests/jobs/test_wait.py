"""What comes of `iter_results`. The other functions of wait.py are tried in gather/test_outcomes.py."""

from __future__ import annotations

import json
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs import LithopsJob, gather_results, iter_results
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import Failure, ItemsFailedError, JobTimeoutError, StorageUnavailableError
from lithops_provider.jobs.gather import arrivals
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.submit.plan import store_plan
from tests.jobs.arriving import double, wait_for_file
from tests.jobs.conftest import POLL, MapStarter
from tests.jobs.follow.test_follower import elsewhere
from tests.jobs.standins import FailingStorage


def sent(client: LithopsClient, items: int = 6, calls: int = 2) -> LithopsJob:
    """Returns a job of which the storage has the items and the plan, and which runs nowhere."""
    job = elsewhere(client, items, calls)
    client.put(job.items_key(), frames.pack(pickle.dumps(((index,), {}, None)) for index in range(items)))
    size = items // calls
    store_plan(client, job, [range(start, start + size) for start in range(0, items, size)], None)
    return job


def store(
    client: LithopsClient, job: LithopsJob, call: int, values: dict[int, Any], *, first: int = 0, number: int = -1
) -> str:
    """Stores a part, in which a text as an item's value is why it failed."""
    part = PartBuilder()
    for index, value in values.items():
        if isinstance(value, str):
            part.add_failure(index, 1.0, 1.0, 1, {"type": "ValueError", "message": value, "traceback": ""})
        else:
            part.add_success(index, 1.0, 1.0, 1, pickle.dumps(value))
    failed = sum(isinstance(value, str) for value in values.values())
    key = part_key(f"{job.round_prefix(number)}/{call:05d}", PartName(first, first + len(values), failed))
    client.put(key, part.encode())
    return key


def end(client: LithopsClient, job: LithopsJob, *calls: int) -> None:
    for call in calls:
        client.put(f"{job.round_prefix()}/{call:05d}/status.json", json.dumps({"type": "__end__"}).encode())


def test_results_come_while_others_still_run(client: LithopsClient, start_map: MapStarter, tmp_path: Path) -> None:
    go_on = tmp_path / "go_on"
    run = start_map(wait_for_file, [(str(go_on), index) for index in range(2)], batch_size=1)

    found = iter_results(client, run.job, poll_interval=POLL)
    first = next(found)
    go_on.touch()

    assert [first, *found] == [(0, 0), (1, 1)]


def test_each_item_comes_once_though_its_part_is_written_anew(client: LithopsClient) -> None:
    job = sent(client)
    old = store(client, job, 0, {0: 0})
    found = iter_results(client, job, poll_interval=POLL)

    assert next(found) == (0, 0)

    store(client, job, 0, {0: 0, 1: 1})  # which takes the place of the first
    client.delete(job.bucket, [old])
    store(client, job, 0, {2: 2}, first=2)
    store(client, job, 1, {3: 3, 4: None, 5: [5]})
    end(client, job, 0, 1)

    assert sorted(found, key=lambda entry: entry[0]) == [(1, 1), (2, 2), (3, 3), (4, None), (5, [5])]


def test_a_part_that_is_replaced_between_listing_and_reading_is_found_at_the_next_look(client: LithopsClient) -> None:
    job = sent(client, items=2, calls=1)
    old = store(client, job, 0, {0: 0})
    end(client, job, 0)
    real = client.storage

    def replaces(name: str, key: str) -> bool:
        if name == "get_object" and key == old:
            store(client, job, 0, {0: 0, 1: 1})
            real.delete_object(job.bucket, old)
        return False

    client._internal_storage.storage = FailingStorage(real, replaces)

    assert sorted(iter_results(client, job, poll_interval=POLL)) == [(0, 0), (1, 1)]


def test_a_failure_is_raised_or_yielded_as_asked(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(double, range(5)).job

    with pytest.raises(ItemsFailedError, match=r"item 3: double\(3\): ValueError: three is too many") as raised:
        list(iter_results(client, job))
    found = dict(iter_results(client, job, throw_except=False))

    assert [failure.index for failure in raised.value.failures] == [3]
    failure = found.pop(3)
    assert isinstance(failure, Failure)
    assert (failure.index, failure.item, failure.type, failure.message) == (3, "3", "ValueError", "three is too many")
    assert found == {0: 0, 1: 2, 2: 4, 4: 8}
    assert sorted(found.values()) == [
        value for value in gather_results(client, job, min_success_ratio=0) if value is not None
    ]


def test_what_was_sent_again_comes_once_as_it_came_out_last(client: LithopsClient) -> None:
    job = sent(client, items=4, calls=1)
    store(client, job, 0, {0: 0, 1: "at first", 2: "for ever", 3: "not sent again"})
    later = job.with_round(2, 1)
    store_plan(client, later, [[1, 2]], None)
    store(client, later, 0, {1: 1, 2: "for ever"})
    end(client, later, 0)

    found = {
        index: value.message if isinstance(value, Failure) else value
        for index, value in iter_results(client, later, poll_interval=POLL, throw_except=False)
    }

    assert found == {0: 0, 1: 1, 2: "for ever", 3: "not sent again"}


def test_items_that_nobody_will_tell_of_have_failed(client: LithopsClient) -> None:
    job = sent(client)
    store(client, job, 0, {0: 0, 1: 1, 2: 2})
    client.put(f"{job.round_prefix()}/00001/status.json", json.dumps({"type": "__end__"}).encode())
    end(client, job, 0)

    found = dict(iter_results(client, job, poll_interval=POLL, throw_except=False))

    assert sorted(found) == [0, 1, 2, 3, 4, 5]
    assert [found[index].type for index in (3, 4, 5)] == ["NotRunError"] * 3


def test_a_damaged_part_counts_as_missing(client: LithopsClient) -> None:
    job = sent(client, items=2, calls=1)
    key = store(client, job, 0, {0: 0, 1: 1})
    client.put(key, (client.get(job.bucket, key) or b"")[:-3])
    end(client, job, 0)

    found = dict(iter_results(client, job, poll_interval=POLL, throw_except=False))

    assert [found[index].type for index in (0, 1)] == ["NotRunError"] * 2


def test_only_a_few_parts_are_held_at_a_time(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 12
    job = sent(client, items=calls, calls=calls)
    for call in range(calls):
        store(client, job, call, {call: call})
    end(client, job, *range(calls))
    held: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    class Part(arrivals.Part):  # whose instances can be counted
        __slots__ = ("__weakref__",)

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            nonlocal most
            super().__init__(*args, **kwargs)
            held.add(self)
            most = max(most, len(held))

    monkeypatch.setattr(arrivals, "Part", Part)

    assert sorted(iter_results(client, job, poll_interval=POLL)) == [(index, index) for index in range(calls)]
    # Those that are read ahead, that which is taken apart, and that whose results the caller has.
    assert 1 < most <= arrivals._AHEAD + 2


def test_it_gives_up_when_its_time_is_over_and_the_job_goes_on(client: LithopsClient) -> None:
    job = sent(client)
    store(client, job, 0, {0: 0})

    found = iter_results(client, job, poll_interval=POLL, timeout=0.2)

    assert next(found) == (0, 0)
    with pytest.raises(JobTimeoutError, match=r"is not over after 0.2 s: 1 of 6 items are done; it goes on"):
        next(found)
    assert client.get(job.bucket, job.stop_key()) is None


def test_a_job_whose_data_is_gone_is_an_error_at_once(client: LithopsClient) -> None:
    with pytest.raises(StorageUnavailableError, match="is gone from localhost://"):
        iter_results(client, elsewhere(client))
