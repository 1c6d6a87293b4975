from __future__ import annotations

import json

import pytest

from lithops_provider.jobs.follow.follower import CallState
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.view import charts
from lithops_provider.jobs.view.item_table import ItemTable, Part
from lithops_provider.jobs.view.job_view import RoundView, Snapshot
from tests.jobs.made import make_job
from tests.jobs.view.test_item_table import part


def snapshot(items: int, parts: list[Part], calls: int = 1, *, ended: bool = True) -> Snapshot:
    job = make_job(calls, items=items)
    job = LithopsJob.from_dict({**job.to_dict(), "rounds": [{**job.to_dict()["rounds"][0], "submitted": 1000.0}]})
    states = {f"{call:05d}": CallState(True, ended, 0, 0, []) for call in range(calls)}
    table = ItemTable(items, parts)
    return Snapshot(1, 2000.0, job, [RoundView(states, objects=1)], parts, table, 0, 0, False)


def test_one_item_has_charts() -> None:
    seen = snapshot(1, [part(0, 0, [(0, 2.0)])])

    found = charts.histogram(seen.table)
    assert (found["edges"], found["succeeded"], found["failed"]) == ([2.0, 2.0], [1], [0])
    (row,) = charts.timeline(seen)["rows"]
    assert row == {"label": "0/0", "begin": 0.0, "end": 2.0, "done": 1, "failed": 0, "spans": [[0.0, 2.0, 0]]}


def test_items_that_were_lost_with_their_call_are_in_no_chart() -> None:
    """Nobody knows how long they ran."""
    lost = part(0, -1, [(1, 0.0)], {1: "its call died"})

    assert charts.histogram(ItemTable(2, [lost]))["edges"] == []
    known = part(0, 0, [(0, 2.0)])
    assert charts.histogram(ItemTable(2, [known, lost])) == charts.histogram(ItemTable(2, [known]))

    assert charts.timeline(snapshot(2, [lost])) == {"rows": []}
    (row,) = charts.timeline(snapshot(2, [part(0, 0, [(0, 2.0)]), lost]))["rows"]
    assert (row["label"], row["done"], row["failed"]) == ("0/0", 1, 0)


def test_nothing_has_none() -> None:
    seen = snapshot(3, [])

    assert charts.histogram(seen.table)["edges"] == []
    assert charts.timeline(seen) == {"rows": []}
    assert charts.rate(seen) is None


def test_a_histogram_counts_every_item_once() -> None:
    items = [(index, 1.0 + index / 10) for index in range(100)]
    found = charts.histogram(ItemTable(100, [part(0, 0, items, {3: "x", 99: "y"})]))

    assert sum(found["succeeded"]) == 98
    assert sum(found["failed"]) == 2
    assert found["failed"][-1] == 1
    assert found["edges"][0] == 1.0
    assert found["edges"][-1] == found["longest"] == 10.9
    assert (found["median"], found["sum"]) == (6.0, 595.0)
    assert not found["log"]


def test_durations_that_differ_much_get_a_logarithmic_axis() -> None:
    found = charts.histogram(ItemTable(3, [part(0, 0, [(0, 0.0), (1, 0.001), (2, 100.0)])]))

    assert found["log"]
    assert sum(found["succeeded"]) == 3
    assert found["edges"] == sorted(found["edges"])


@pytest.mark.parametrize("calls", [1, 40, 41, pytest.param(100_000, marks=pytest.mark.thorough)])
def test_100_000_items_fit_into_a_refresh(calls: int) -> None:
    size = 100_000 // calls
    parts = [
        part(0, call, [(index, 0.5) for index in range(call * size, (call + 1) * size)], {call * size: "x"})
        for call in range(calls)
    ]
    seen = snapshot(100_000, parts, calls)

    found = charts.timeline(seen)
    assert sum(row["done"] for row in found["rows"]) == size * calls
    assert sum(row["failed"] for row in found["rows"]) == calls
    assert len(found["rows"]) <= 40
    assert {len(row["cells"]) for row in found["rows"]} == {100}
    assert len(json.dumps([found, charts.histogram(seen.table)])) < 12_000


def test_cells_say_how_busy_calls_were() -> None:
    # 1000 s in 100 columns of 10 s: the first 500 items of a second each come one after another, then nothing.
    items = [(index, 1.0) for index in range(500)]
    seen = snapshot(1000, [part(0, 0, items, {255: "x"})], ended=False)

    (row,) = charts.timeline(seen)["rows"]
    assert row["cells"] == "9" * 25 + "J" + "9" * 24 + " " * 50


def test_the_rate_is_that_of_the_last_seconds_while_it_runs() -> None:
    items = [(index, 1.0) for index in range(100)]  # one ends each second

    assert charts.rate(snapshot(1000, [part(0, 0, items)], ended=False)) == pytest.approx(1.0)
    assert charts.rate(snapshot(100, [part(0, 0, items)])) == pytest.approx(1.0)


def test_cells_are_the_same_where_a_clock_was_set_back() -> None:
    forwards, backwards = list(range(500)), [*range(250, 500), *range(250)]
    rows = []
    for order in (forwards, backwards):
        seen = snapshot(1000, [part(0, 0, [(index, 1.0) for index in order])], ended=False)
        rows.append(charts.timeline(seen)["rows"][0]["cells"])

    assert rows[0] == rows[1] == "9" * 50 + " " * 50


def test_an_item_that_takes_longer_than_a_column_fills_all_it_touches() -> None:
    items = [(0, 1000.0), *((index, 0.0) for index in range(1, 401))]  # 1,000 s from the beginning on
    (row,) = charts.timeline(snapshot(401, [part(0, 0, items[:1]), part(0, 0, items[1:], first=1)]))["rows"]

    assert row["cells"] == "9" * 100
