from __future__ import annotations

import pickle
import uuid
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.keys import job_prefix
from lithops_provider.jobs.remote.outcomes import Outcomes
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.remote.reduce.values import read_values
from lithops_provider.jobs.remote.results import current_parts, read_outcomes

FAILURE = {"type": "ValueError", "message": "no", "traceback": ""}


class Store:
    """Writes parts as calls do."""

    def __init__(self, client: LithopsClient) -> None:
        self.client = client
        self.executor_id = f"{uuid.uuid4().hex[:16]}-0"

    def write(self, job_id: str, call: int, values: dict[int, Any], first: int = 0) -> str:
        """Stores a part. A value that is an exception stands for a failure."""
        part = PartBuilder()
        for index, value in values.items():
            if isinstance(value, Exception):
                part.add_failure(index, 1.0, 1.0, 1, {**FAILURE, "message": str(value)})
            else:
                part.add_success(index, 1.0, 1.0, 1, pickle.dumps(value))
        failed = sum(isinstance(value, Exception) for value in values.values())
        name = PartName(first, first + len(values), failed)
        key = part_key(f"{job_prefix(self.executor_id, job_id)}/{call:05d}", name)
        self.client.put(key, part.encode())
        return key

    def values(self, *job_ids: str, **limits: int) -> list[Any]:
        reference = {"bucket": self.client.bucket, "executor_id": self.executor_id, "job_ids": list(job_ids), **limits}
        return read_values(self.client.storage, reference)

    def outcomes(self, *keys: str) -> Outcomes:
        damaged: list[str] = []
        outcomes = read_outcomes(self.client.storage, self.client.bucket, list(keys), damaged)
        assert damaged == []
        return outcomes


@pytest.fixture
def store(client: LithopsClient) -> Store:
    return Store(client)


def test_values_come_in_the_order_of_the_items_and_none_stays_none(store: Store) -> None:
    store.write("M000", 1, {3: "d", 1: None})
    store.write("M000", 0, {0: "a", 2: "c"})

    assert store.values("M000") == ["a", None, "c", "d"]


def test_failed_items_are_left_out(store: Store) -> None:
    store.write("M000", 0, {0: "a", 1: ValueError("no"), 2: "c"})

    assert store.values("M000") == ["a", "c"]


def test_only_some_items_can_be_read(store: Store) -> None:
    store.write("M000", 0, dict.fromkeys(range(3), "a") | {3: "b"})
    store.write("M000", 1, {4: "b", 5: "c"})

    assert store.values("M000", first=3, last=4) == ["b", "b"]
    assert store.values("M000", first=5, last=5) == ["c"]
    assert store.values("M000", first=4) == ["b", "c"]


def test_rounds_are_one_job(store: Store) -> None:
    store.write("M000", 0, {0: "a", 1: ValueError("first try")})
    store.write("M001", 0, {1: "b"})

    assert store.values("M000", "M001") == ["a", "b"]


def test_a_success_counts_whatever_came_later(store: Store) -> None:
    first = store.write("M000", 0, {0: "success", 1: ValueError("old")})
    second = store.write("M001", 0, {0: ValueError("late"), 1: ValueError("new")})

    for keys in ([first, second], [second, first]):
        outcomes = store.outcomes(*keys)
        assert outcomes[0].failure is None
        assert outcomes[1].failure is not None
        assert outcomes[1].failure["message"] == "new"


def test_a_job_without_parts_has_no_values(store: Store) -> None:
    assert store.values("M000") == []
    assert store.outcomes() == {}


def test_other_jobs_are_left_alone(store: Store, client: LithopsClient) -> None:
    other = Store(client)
    other.executor_id = f"{store.executor_id}1"  # begins alike
    other.write("M000", 0, {0: "other"})
    store.write("M0000", 0, {0: "other"})
    store.write("M000", 0, {1: "mine"})

    assert store.values("M000") == ["mine"]


def test_a_part_that_a_newer_one_replaces_is_left_out() -> None:
    old = part_key("p/00000", PartName(0, 10, 0))
    new = part_key("p/00000", PartName(0, 20, 1))
    following = part_key("p/00000", PartName(20, 25, 1))
    other_call = part_key("p/00001", PartName(0, 10, 0))
    noise = ["p/00000/status.json", "p/00000/abc.init", "p/items", "p/func.pickle"]

    for keys in ([old, new, following, other_call, *noise], [*noise, other_call, following, new, old]):
        assert sorted(current_parts(keys)) == sorted([new, following, other_call])


def test_hundreds_of_parts_are_read(store: Store) -> None:
    for call in range(100):
        store.write("M000", call, {call: call})

    assert store.values("M000") == list(range(100))


def test_a_part_that_is_gone_is_an_error_not_a_gap(store: Store) -> None:
    key = store.write("M000", 0, {0: "a"})
    store.client.delete(store.client.bucket, [key])

    with pytest.raises(Exception, match="No such key"):
        store.outcomes(key)
