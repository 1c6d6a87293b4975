from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.reduce import values as module
from lithops_provider.jobs.remote.reduce.values import read_values
from tests.jobs.remote.test_results import Store
from tests.jobs.standins import CountingStorage
from tests.programs import run_python


@pytest.fixture
def store(client: LithopsClient) -> Store:
    return Store(client)


def read(store: Store, storage: Any = None, **limits: Any) -> list[Any]:
    reference = {"bucket": store.client.bucket, "executor_id": store.executor_id, "job_ids": ["M000"], **limits}
    return read_values(storage or store.client.storage, reference)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that results of some bytes are as large as others that nearly fill the memory."""
    for name, size in (("_HEAD", 200), ("_WINDOW", 300), ("_BLOCK", 50)):
        monkeypatch.setattr(module, name, size)


@pytest.mark.parametrize("length", [0, 1, 40, 90, 91, 250, 299, 300, 301, 5000])
def test_results_of_any_size_are_read_whole(store: Store, small: None, length: int) -> None:
    expected = {index: bytes([index]) * (length + index % 2) for index in range(20)}
    store.write("M000", 0, dict(list(expected.items())[:13]))
    store.write("M000", 1, dict(list(expected.items())[13:]))

    assert read(store) == list(expected.values())
    assert read(store, first=3, last=3) == [expected[3]]


def test_results_are_read_in_pieces_and_of_a_part_only_those_wanted(store: Store, small: None) -> None:
    store.write("M000", 0, {index: bytes(1000) for index in range(50)})
    counted = CountingStorage(store.client.storage)

    assert read(store, counted, first=20, last=21) == [bytes(1000)] * 2
    header = 200 + 4000  # read once as far as it may reach, and once whole
    assert counted.bytes < 2 * 1100 + header
    assert counted.most < header


def test_only_the_calls_that_are_named_are_looked_at(store: Store) -> None:
    for call in range(4):
        store.write("M000", call, {call: call})
    counted = CountingStorage(store.client.storage)

    assert read(store, counted, calls=[[1, 2]]) == [1, 2]
    assert [prefix[-6:] for prefix in counted.listed] == ["00001/", "00002/"]
    assert read(store, calls=[None]) == [0, 1, 2, 3]
    assert read(store, calls=[[]]) == []


def test_a_result_that_is_cut_off_is_an_error_unless_it_is_elsewhere(store: Store) -> None:
    key = store.write("M000", 0, {0: "whole", 1: "cut"})
    data = store.client.get(store.client.bucket, key)
    assert data is not None
    store.client.put(key, data[:-3])

    with pytest.raises(OSError, match=r"the results of 1 item\(s\) are cut off in storage, first that of item 1"):
        read(store)
    assert read(store, last=0) == ["whole"]
    store.write("M000", 1, {1: "again"})
    assert read(store) == ["whole", "again"]


@pytest.mark.parametrize("left", [0, 5, 8, 60])
def test_a_part_whose_header_is_cut_off_tells_nothing(store: Store, left: int) -> None:
    key = store.write("M000", 0, {0: "cut"})
    store.write("M000", 1, {0: "again"})
    data = store.client.get(store.client.bucket, key)
    assert data is not None
    store.client.put(key, data[:left])

    assert read(store) == ["again"]


PEAK = """
import resource, sys
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.remote.reduce.values import read_values

client = LithopsClient(resolve_config())
storage = client.storage
reference = {"bucket": client.bucket, "executor_id": sys.argv[1], "job_ids": ["M000"]}
read_values(storage, {**reference, "last": 0})  # what is imported and started with the first
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = sum(map(len, read_values(storage, reference)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_reading_takes_little_more_memory_than_the_results(store: Store) -> None:
    for call in range(20):
        store.write("M000", call, {call * 4 + row: bytes(5_000_000) for row in range(4)})

    printed = run_python(PEAK, store.executor_id)
    store.client.delete(
        store.client.bucket, store.client.keys(store.client.bucket, f"lithops.jobs/{store.executor_id}")
    )

    assert float(printed) < 1.2


def test_a_single_large_result_is_not_held_twice(store: Store, client: LithopsClient) -> None:
    store.write("M000", 0, {0: bytes(50_000_000)})
    counted = CountingStorage(client.storage)

    assert read(store, counted) == [bytes(50_000_000)]
    assert counted.most <= module._BLOCK
    assert counted.bytes < len(pickle.dumps(bytes(50_000_000))) + 2 * module._HEAD
