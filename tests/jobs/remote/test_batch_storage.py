"""What a batch does when storage fails. A failing storage must not cost what was done."""

from __future__ import annotations

import time

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import batch as module
from tests.jobs.batches import BatchRunner
from tests.jobs.failures import Tally, leave_mark
from tests.jobs.standins import FailingStorage, times

ALWAYS = 1_000_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STORE_DELAYS", (0.01, 0.01, 0.01))


@pytest.mark.parametrize("count", [1, 5])
def test_a_storage_that_fails_in_passing_loses_nothing(batch: BatchRunner, client: LithopsClient, count: int) -> None:
    storage = FailingStorage(client.storage, times(3, "put_object", ".part"))

    done = batch(lambda x: x, range(count), storage=storage)

    assert done.error == ""
    assert done.results() == {index: index for index in range(count)}


def test_items_go_on_while_storage_fails(batch: BatchRunner, client: LithopsClient, tally: Tally) -> None:
    storage = FailingStorage(client.storage, times(4, "put_object", ".part"))

    def mark(x: int) -> int:
        leave_mark(tally.path, str(x))
        time.sleep(0.1)
        return x

    done = batch(mark, range(12), storage=storage, flush=0.05)

    assert done.error == ""
    assert done.results() == {index: index for index in range(12)}
    assert tally.read() == [str(x) for x in range(12)]


def test_a_full_part_is_not_stored_again_with_each_item_while_storage_fails(
    batch: BatchRunner, client: LithopsClient, tally: Tally
) -> None:
    def fails(name: str, key: str) -> bool:
        if name == "put_object" and ".part" in key:
            leave_mark(tally.path, "tried")
            return len(tally.read()) < 3
        return False

    done = batch(
        lambda x: time.sleep(0.02), range(30), storage=FailingStorage(client.storage, fails), part_size=1, flush=1000
    )

    assert len(done.results()) == 30
    assert len(tally.read()) == 3


def test_a_storage_that_stays_away_fails_the_call(batch: BatchRunner, client: LithopsClient) -> None:
    done = batch(lambda x: x, range(3), storage=FailingStorage(client.storage, times(ALWAYS, "put_object", ".part")))

    assert "StorageDownError" in done.error
    assert done.outcomes == {}


def test_items_that_cannot_be_read_fail_the_call(batch: BatchRunner, client: LithopsClient) -> None:
    done = batch(lambda x: x, range(3), storage=FailingStorage(client.storage, times(ALWAYS, "get_object", "items")))

    assert "StorageDownError" in done.error


def test_a_marker_that_cannot_be_looked_for_stops_nothing(batch: BatchRunner, client: LithopsClient) -> None:
    storage = FailingStorage(client.storage, times(ALWAYS, "get_object", "stop"))

    done = batch(lambda x: x, range(3), storage=storage, flush=0.01)

    assert done.results() == {0: 0, 1: 1, 2: 2}


def test_a_replaced_part_that_cannot_be_deleted_does_no_harm(batch: BatchRunner, client: LithopsClient) -> None:
    storage = FailingStorage(client.storage, times(ALWAYS, "delete_object"))

    done = batch(lambda x: time.sleep(0.1), range(5), storage=storage, flush=0.01)

    assert len(done.keys) > 1
    assert done.results() == dict.fromkeys(range(5))
