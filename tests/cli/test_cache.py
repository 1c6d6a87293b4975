"""The commands ``airflow lithops cache ...``."""

from __future__ import annotations

import inspect
import json
import time
from argparse import Namespace
from typing import Any

import pytest

from lithops_provider.cli import commands
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.submit.cache.entries import CacheEntry, CacheIndex, clear_cache, list_entries

_DAY = 86_400


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> LithopsClient:
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


def test_entries_are_listed_the_latest_first(client: LithopsClient, capsys: pytest.CaptureFixture[str]) -> None:
    put_entry(client, "older", 3, days=9)
    put_entry(client, "\x1b[31mlater", 2, days=1)

    commands.cache_list_(arguments())
    rows = json.loads(capsys.readouterr().out)
    assert [(row["function"], row["items"]) for row in rows] == [("\x1b[31mlater", 2), ("older", 3)]
    assert rows[0]["created"] == pytest.approx(time.time() - _DAY, abs=60)

    commands.cache_list_(arguments(output="plain"))
    assert "\x1b" not in capsys.readouterr().out


def test_clearing_takes_those_that_are_older_or_all(client: LithopsClient, capsys: pytest.CaptureFixture[str]) -> None:
    put_entry(client, "older", 3, days=9)
    later = put_entry(client, "later", 2, days=1)

    clear = inspect.unwrap(commands.cache_clear_)  # without the note in Airflow's audit log, which is in its database
    clear(arguments(older_than=7.0))
    assert list(list_entries(client)) == [CacheEntry(later.prefix, later.function, int(later.created * 1000) / 1000)]
    clear(arguments(older_than=0.0))
    assert list_entries(client) == {}
    said = capsys.readouterr().out.splitlines()
    assert said == ["Deleted the cached results of 1 run(s).", "Deleted the cached results of 1 run(s)."]
    assert client.keys(client.bucket, f"{later.prefix}/") == []
