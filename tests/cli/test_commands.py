from __future__ import annotations

import inspect
import json
import time
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

import pytest

from lithops_provider.cli import commands
from lithops_provider.cli.lookup import FoundJob
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.submit.cache.entries import CacheEntry, CacheIndex, clear_cache, list_entries
from lithops_provider.status.records import TaskKey, TaskRecord
from tests.jobs.conftest import MapStarter, client, run_map
from tests.jobs.looked_at import fail_some

__all__ = ["client", "run_map"]  # fixtures


@dataclass(frozen=True)
class Known(FoundJob):
    """A job whose storage is known."""

    storage: LithopsClient

    def client(self) -> LithopsClient:
        return self.storage


def test_failures_are_shown_in_groups_each_with_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], client: LithopsClient, run_map: MapStarter
) -> None:
    job = run_map(fail_some, range(10)).job
    record = TaskRecord(TaskKey("d", "r", "t", -1), "failed", 1, None, None, None, {"map": job})
    found = Known(record, "map", {}, {"min_success_ratio": 0.99}, client)
    monkeypatch.setattr(commands, "find_job", lambda named: found)

    commands.failures_(Namespace(job=job.executor_id, output="table", verbose=False))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Job {job.executor_id}: 7 of 10 succeeded (70 %), 99 % were needed"
    assert lines[1].startswith("== ValueError x 3 at ")
    assert lines[1].endswith(" in fail_some: items 3, 6, 9")
    assert lines[2] == "item 3: ValueError: 3 is bad"
    assert lines[3] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: 3 is bad"


_DAY = 86_400


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> LithopsClient:
    """The client that the commands get, of a bucket whose cache is empty."""
    client = LithopsClient(resolve_config())
    clear_cache(client)
    monkeypatch.setattr(commands, "connect", lambda settings: client)
    return client


def put_entry(client: LithopsClient, name: str, items: int, days: float) -> CacheEntry:
    created = time.time() - days * _DAY
    prefix = f"lithops.jobs/cache/{'0' * 32}/{int(created * 1000):013d}-{int(days):016x}-0"
    entry = CacheEntry(prefix, "0" * 32, created)
    client.put(entry.part_key(0), b"")
    client.put(entry.index_key, CacheIndex(name, [[bytes([1]) * 16] * items]).encode())
    return entry


def arguments(**given: Any) -> Namespace:
    return Namespace(**{"conn_id": "lithops_default", "output": "json", "verbose": False, "yes": True, **given})


def test_entries_are_listed_the_latest_first(cached: LithopsClient, capsys: pytest.CaptureFixture[str]) -> None:
    put_entry(cached, "older", 3, days=9)
    put_entry(cached, "\x1b[31mlater", 2, days=1)

    commands.cache_list_(arguments())
    rows = json.loads(capsys.readouterr().out)
    assert [(row["function"], row["items"]) for row in rows] == [("\x1b[31mlater", 2), ("older", 3)]
    assert rows[0]["created"] == pytest.approx(time.time() - _DAY, abs=60)

    commands.cache_list_(arguments(output="plain"))
    assert "\x1b" not in capsys.readouterr().out


def test_clearing_takes_those_that_are_older_or_all(cached: LithopsClient, capsys: pytest.CaptureFixture[str]) -> None:
    put_entry(cached, "older", 3, days=9)
    later = put_entry(cached, "later", 2, days=1)

    clear = inspect.unwrap(commands.cache_clear_)  # without the note in Airflow's audit log, which is in its database
    clear(arguments(older_than=7.0))
    assert list(list_entries(cached)) == [CacheEntry(later.prefix, later.function, int(later.created * 1000) / 1000)]
    clear(arguments(older_than=0.0))
    assert list_entries(cached) == {}
    said = capsys.readouterr().out.splitlines()
    assert said == ["Deleted the cached results of 1 run(s).", "Deleted the cached results of 1 run(s)."]
    assert cached.keys(cached.bucket, f"{later.prefix}/") == []
