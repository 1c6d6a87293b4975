from __future__ import annotations

import os
import random
from collections import defaultdict
from typing import Any

import pytest

from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.reduce import runs
from lithops_provider.jobs.remote.reduce.keys import stable_hash
from lithops_provider.jobs.remote.reduce.runs import Grouper, RunFile, blocks_of


def grouped(pairs: list[tuple[Any, Any]], budget: int, combine: Any = None) -> dict[Any, list[Any]]:
    """Gives pairs to a grouper, a few at a time; checks the order, and that values can be gone over again."""
    grouper = Grouper(combine, budget=budget)
    for start in range(0, len(pairs), 50):
        grouper.add(pairs[start : start + 50], 50 * 20)
    found, hashes = {}, []
    for number, key, values in grouper.groups():
        found[key] = list(values)
        assert list(values) == found[key]
        assert len(values) == len(found[key])
        hashes.append(number)
    assert hashes == sorted(hashes)
    return found


def expected(pairs: list[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)


def many(count: int) -> list[tuple[Any, Any]]:
    """Keys of all kinds, one of which has a third of the values."""
    chance = random.Random(count)
    keys = [None, "hot", 1.5, ("a", 2), frozenset([1]), b"x", *range(200), *map(str, range(200))]
    return [("hot" if chance.random() < 0.3 else chance.choice(keys), number) for number in range(count)]


@pytest.mark.parametrize("budget", [10_000, 10_000_000], ids=["on disk", "in memory"])
def test_all_values_of_a_key_are_together_in_order(budget: int) -> None:
    pairs = many(20_000)

    assert grouped(pairs, budget) == expected(pairs)


@pytest.mark.parametrize("budget", [10_000, 10_000_000], ids=["on disk", "in memory"])
def test_keys_of_the_same_hash_are_told_apart(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "stable_hash", lambda key: stable_hash(key) % 3)
    pairs = many(20_000)

    assert grouped(pairs, budget) == expected(pairs)


def test_combined_pairs_stay_in_memory_if_they_become_few() -> None:
    grouper = Grouper(lambda key, values: sum(values), budget=10_000)
    for _ in range(1_000):
        grouper.add([("a", 1), ("b", 2)] * 10, 400)
    assert grouper._on_disk is None
    assert {key: sum(values) for _, key, values in grouper.groups()} == {"a": 10_000, "b": 20_000}


def test_combined_pairs_go_to_disk_if_they_stay_many() -> None:
    pairs = [(number % 5_000, number) for number in range(20_000)]

    found = grouped(pairs, 50_000, lambda key, values: sum(values))

    assert {key: sum(values) for key, values in found.items()} == {
        key: sum(values) for key, values in expected(pairs).items()
    }


def test_blocks_have_about_the_same_size_whatever_the_values_are() -> None:
    def sizes(values: list[bytes]) -> list[int]:
        return [len(block) for block in blocks_of([(1, "key", [values])])]

    small, large = sizes([os.urandom(10) for _ in range(100_000)]), sizes([os.urandom(100_000) for _ in range(200)])
    assert max(small[3:-1]) < 3 * runs._BLOCK
    assert min(small[3:-1]) > runs._BLOCK / 3
    assert max(large[3:]) < 110_000  # a block holds a value at least


def test_a_run_is_read_block_by_block() -> None:
    loaded: list[int] = []

    def load(data: bytes) -> Any:
        import pickle

        loaded.append(len(data))
        return pickle.loads(data)

    file = RunFile(load)
    groups = [(number, number, [[bytes(1_000)] * 100]) for number in range(50)]
    file.write_run(frames.pack([block]) for block in blocks_of(groups))

    entries = file.merged()
    next(entries)

    assert len(loaded) == 1
    assert sum(len(values) for _, _, values, _ in entries) == 50 * 100 - 64
    file.close()
