"""Outcomes are read while calls store them, each once."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from lithops_provider.jobs import iter_results
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather import arrivals
from lithops_provider.jobs.gather.arrivals import Arrivals
from tests.jobs.conftest import POLL
from tests.jobs.elsewhere import end, sent, store
from tests.jobs.standins import FailingStorage


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


def test_of_a_part_that_has_nothing_new_nothing_comes(client: LithopsClient) -> None:
    job = sent(client, items=2, calls=2)
    keys = [store(client, job, call, {0: 0}) for call in range(2)]  # an invocation was repeated, and both ran
    failed = store(client, job, 1, {1: "why it failed"}, first=1)
    arriving = Arrivals(client, job)

    found = list(arriving.take([*keys, failed], failures=False))

    assert [[outcome.item for outcome in some] for some in found] == [[0]]
    assert arriving.missing() == [1]
