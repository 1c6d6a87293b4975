from __future__ import annotations

import inspect
import json
import time
from argparse import Namespace
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from lithops_provider.cli import commands
from lithops_provider.cli.lookup import FoundJob
from lithops_provider.connection.settings import ConnectionSettings
from lithops_provider.jobs.clean import clean_older_than
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.submit.cache.entries import CacheEntry, CacheIndex, clear_cache, list_entries
from lithops_provider.jobs.submit.plan import store_plan
from lithops_provider.status.records import TaskKey, TaskRecord
from tests.jobs.conftest import MapStarter, client, run_map
from tests.jobs.elsewhere import end, sent, store
from tests.jobs.looked_at import fail_some
from tests.jobs.made import make_job

__all__ = ["client", "run_map"]  # fixtures


@dataclass(frozen=True)
class Known(FoundJob):
    """A job whose storage is known."""

    storage: LithopsClient

    def client(self) -> LithopsClient:
        return self.storage


class Finder(Protocol):
    def __call__(self, job: LithopsJob, **summary: Any) -> None: ...


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch, client: LithopsClient) -> Finder:
    """Has commands find a job, whose task has failed."""

    def find(job: LithopsJob, **summary: Any) -> None:
        record = TaskRecord(TaskKey("d", "r", "t", -1), "failed", 1, None, None, None, {"map": job})
        monkeypatch.setattr(commands, "find_job", lambda named: Known(record, "map", {}, summary or None, client))

    return find


def arguments(**given: Any) -> Namespace:
    """Returns the arguments of a command, as far as they are not its own."""
    fields = {"job": None, "older_than": None, "conn_id": "lithops_default", "output": "json", "verbose": False}
    return Namespace(**{**fields, "yes": True, **given})


def test_failures_are_shown_in_groups_each_with_a_traceback(
    capsys: pytest.CaptureFixture[str], find: Finder, run_map: MapStarter
) -> None:
    job = run_map(fail_some, range(10)).job
    find(job, min_success_ratio=0.99)

    commands.failures_(arguments(output="table"))

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Job {job.executor_id}: 7 of 10 succeeded (70 %), 99 % were needed"
    assert lines[1].startswith("== ValueError x 3 at ")
    assert lines[1].endswith(" in fail_some: items 3, 6, 9")
    assert lines[2] == "item 3: ValueError: 3 is bad"
    assert lines[3] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: 3 is bad"


def test_failures_are_shown_as_data(client: LithopsClient, capsys: pytest.CaptureFixture[str], find: Finder) -> None:
    job = sent(client, items=2, calls=1)
    store(client, job, 0, {0: b"", 1: "1 is bad"})
    end(client, job, 0)
    find(job)

    commands.failures_(arguments())

    found = json.loads(capsys.readouterr().out)
    assert found["text"].startswith("1 of 2 succeeded")
    assert [(group["type"], group["count"]) for group in found["groups"]] == [("ValueError", 1)]


@pytest.mark.parametrize(("output", "said"), [("json", "{}"), ("table", "No item of job {} has failed.")])
def test_a_job_without_failures_has_none_to_show(
    client: LithopsClient, capsys: pytest.CaptureFixture[str], find: Finder, output: str, said: str
) -> None:
    job = sent(client, items=2, calls=1)
    find(job)

    commands.failures_(arguments(output=output))

    assert capsys.readouterr().out.strip() == said.replace("{} ", f"{job.executor_id} ")


def test_what_an_item_has_said_is_shown_as_data(
    monkeypatch: pytest.MonkeyPatch, client: LithopsClient, capsys: pytest.CaptureFixture[str], find: Finder
) -> None:
    monkeypatch.setattr(commands, "task_settings", lambda session, key: ConnectionSettings("of_the_task"))
    job = sent(client, items=2, calls=1)
    store(client, job, 0, {1: "1 is bad"})
    find(job)

    commands.logs_(arguments(index=1))

    found = json.loads(capsys.readouterr().out)
    assert [entry["failure"]["message"] for entry in found["tries"]] == ["1 is bad"]
    assert "LithopsHook('of_the_task').load_item(job, 1)" in found["snippet"]


def test_an_item_that_the_job_has_not_is_refused(client: LithopsClient, find: Finder) -> None:
    job = sent(client, items=2, calls=1)
    find(job)

    with pytest.raises(SystemExit, match=rf"^job {job.executor_id} has 2 item\(s\), so no item 2$"):
        commands.logs_(arguments(index=2))


_DAY = 86_400

# Without the notes in Airflow's audit log, which is in its database.
clean, clear = inspect.unwrap(commands.clean_), inspect.unwrap(commands.cache_clear_)


@pytest.mark.parametrize("given", [{}, {"job": "0123456789abcdef-0", "older_than": 2.0}], ids=["neither", "both"])
def test_either_one_job_is_cleaned_or_old_ones(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="give either a JOB or --older-than DAYS"):
        clean(arguments(**given))


def test_jobs_are_cleaned_that_were_sent_so_many_days_ago(
    cached: LithopsClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def sent_days_ago(days: float) -> LithopsJob:
        job = make_job(bucket=cached.bucket)
        (only,) = job.rounds
        job = replace(job, rounds=(replace(only, submitted=time.time() - days * _DAY),))
        store_plan(cached, job, [range(3)], None)
        return job

    clean_older_than(cached, 0.0)  # whatever other tests have left
    old, new = sent_days_ago(3), sent_days_ago(1)

    clean(arguments(older_than=2.0))

    assert capsys.readouterr().out == "Deleted the data of 1 job(s).\n"
    assert [cached.get(cached.bucket, job.plan_key()) is None for job in (old, new)] == [True, False]


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

    clear(arguments(older_than=7.0))
    assert list(list_entries(cached)) == [CacheEntry(later.prefix, later.function, int(later.created * 1000) / 1000)]
    clear(arguments(older_than=0.0))
    assert list_entries(cached) == {}
    said = capsys.readouterr().out.splitlines()
    assert said == ["Deleted the cached results of 1 run(s).", "Deleted the cached results of 1 run(s)."]
    assert cached.keys(cached.bucket, f"{later.prefix}/") == []
