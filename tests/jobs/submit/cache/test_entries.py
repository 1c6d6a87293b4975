"""How an entry lies in storage, and what is taken for none."""

from __future__ import annotations

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.submit.cache.digests import SIZE
from lithops_provider.jobs.submit.cache.entries import NOT_CACHED, CacheEntry, CacheIndex, list_entries

FUNCTION = "f" * 32
INDEX = CacheIndex("add", [[b"a" * SIZE, NOT_CACHED], [], [b"b" * SIZE]])


def test_an_index_comes_back_and_counts_what_may_be_taken() -> None:
    assert CacheIndex.decode(INDEX.encode()) == INDEX
    assert INDEX.items == 2


@pytest.mark.parametrize(
    "data",
    [
        INDEX.encode()[:-1],
        b"",
        frames.pack([b"[]"]),
        frames.pack([b'{"version": 2, "name": "add"}']),
        frames.pack([b'{"version": 1, "name": "add"}', b"too short"]),
    ],
    ids=["cut off", "empty", "no dict", "another version", "half a digest"],
)
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whichever kind
        CacheIndex.decode(data)


def test_entries_are_those_of_a_function_and_nothing_else_is_one(client: LithopsClient) -> None:
    entry = CacheEntry.new(FUNCTION, "0123456789abcdef-0")
    others = [f"lithops.jobs/cache/{FUNCTION}/readme", f"lithops.jobs/cache/{'e' * 32}/1-x/index"]
    for key in (entry.index_key, entry.modules_key, entry.part_key(3), *others):
        client.put(key, b"")
    try:
        ((found, keys),) = list_entries(client, FUNCTION).items()
    finally:
        client.delete(client.bucket, client.keys(client.bucket, f"lithops.jobs/cache/{FUNCTION}/"))
        client.delete(client.bucket, others)

    assert (found.prefix, found.function) == (entry.prefix, FUNCTION)
    assert abs(found.created - entry.created) < 0.002  # its name has milliseconds
    assert sorted(keys) == sorted([entry.index_key, entry.modules_key, entry.part_key(3)])
