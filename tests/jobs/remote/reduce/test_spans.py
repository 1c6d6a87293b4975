"""Results of which it is known where they are."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.reduce.spans import read_sized
from tests.jobs.standins import CountingStorage

PREFIX = "lithops.jobs/0123456789abcdef-0-M000/00000"


def stored(client: LithopsClient, name: str, values: list[Any]) -> tuple[str, list[tuple[int, int]]]:
    """Stores results one after another behind something else, and returns where they are."""
    data, places = b"a header", []
    for value in values:
        begin, data = len(data), data + pickle.dumps(value)
        places.append((begin, len(data)))
    client.put(f"{PREFIX}/{name}", data)
    return f"{PREFIX}/{name}", places


def test_those_that_are_wanted_come_in_their_order_with_their_sizes(client: LithopsClient) -> None:
    first, second = stored(client, "first", [0, "one", None]), stored(client, "second", [[3], bytes(1_000)])
    storage = CountingStorage(client.storage)

    found = list(read_sized(storage, client.bucket, [second, (first[0], first[1][1:])]))

    assert found == [(value, len(pickle.dumps(value))) for value in ([3], bytes(1_000), "one", None)]
    assert storage.bytes == sum(size for _, size in found)  # nothing else is read


def test_many_are_read_in_a_few_requests(client: LithopsClient) -> None:
    storage = CountingStorage(client.storage)
    key, places = stored(client, "many", list(range(1_000)))

    assert [value for value, _ in read_sized(storage, client.bucket, [(key, places)])] == list(range(1_000))
    assert storage.most > 100 * (places[0][1] - places[0][0])


def test_what_is_cut_off_is_an_error(client: LithopsClient) -> None:
    key, places = stored(client, "cut", ["whole", "cut"])
    client.put(key, (client.get(client.bucket, key) or b"")[:-1])

    with pytest.raises(OSError, match="cut"):
        list(read_sized(client.storage, client.bucket, [(key, places)]))
