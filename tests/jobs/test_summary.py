from __future__ import annotations

import json
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.prices import PRICES, Price
from lithops_provider.jobs.remote.outcomes import Outcomes, Part
from lithops_provider.jobs.remote.parts import PartBuilder
from lithops_provider.jobs.summary import _items, summarize
from lithops_provider.jobs.told import Told, told_by
from tests.jobs.conftest import FaasMaker, MapStarter, started
from tests.jobs.looked_at import fail_some


def part(rows: dict[int, float], failed: tuple[int, ...] = ()) -> Part:
    builder = PartBuilder()
    for index, seconds in rows.items():
        if index in failed:
            builder.add_failure(index, 0.0, seconds, 7, {"type": "E", "message": "", "traceback": ""})
        else:
            builder.add_success(index, 0.0, seconds, index, b"")
    return Part(builder.encode())


def test_columns_are_summed_up_over_all_tries() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({0: 1.0, 1: 5.0, 2: 2.0, 3: 3.0}, failed=(1,)))
    outcomes.add_part(part({1: 4.0, 4: 2.5, 5: 0.5}))

    assert _items(outcomes.columns()) == {
        "compute_seconds": 18.0,
        "slowest": [[1, 5.0], [3, 3.0], [4, 2.5]],
        "peak_memory": 7,
    }


def test_an_item_is_named_once_with_its_slowest_try() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({1: 4.0, 2: 1.0}, failed=(1,)))
    outcomes.add_part(part({1: 5.0}))

    assert _items(outcomes.columns())["slowest"] == [[1, 5.0], [2, 1.0]]


def test_items_that_are_equally_slow() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({8: 1.0, 7: 2.0, 6: 2.0, 5: 2.0, 4: 2.0}))

    assert _items(outcomes.columns())["slowest"] == [[7, 2.0], [6, 2.0], [5, 2.0]]


def test_a_job_with_failures_and_retries(start_map: MapStarter) -> None:
    run = start_map(fail_some, range(10), batch_size=5)
    run.item_retries = 1
    run.finish()
    found = summarize(run.client, run.job, told_by(run.outcomes), PRICES)

    assert (found["state"], found["unfinished"]) == ("failed", 0)
    assert {name: found[name] for name in ("job", "items", "succeeded", "failed", "retried")} == {
        **{"job": run.job.executor_id, "items": 10, "succeeded": 7, "failed": 3, "retried": 3}
    }
    assert found["calls"] == sum(entry.calls for entry in run.job.rounds)
    assert 0 < found["compute_seconds"] < found["wall_seconds"]
    assert len(found["slowest"]) == 3
    assert found["peak_memory"] > 1 << 20
    assert found["workers"]["calls"] == run.job.rounds[-1].calls
    assert found["workers"]["worker_exec_time"] >= found["workers"]["worker_func_exec_time"] > 0
    assert found["workers"]["worker_peak_memory_end"] > 1 << 20
    assert "cost" not in found  # nobody takes anything for this machine
    assert len(json.dumps(found)) < 1024


def test_without_columns_it_tells_the_counts(run_map: MapStarter) -> None:
    run = run_map(fail_some, range(3))
    found = summarize(run.client, run.job, Told(3, 0, None), PRICES)

    names = {"job", "state", "items", "succeeded", "failed", "unfinished", "retried", "calls", "wall_seconds"}
    assert set(found) == names
    assert (found["state"], found["succeeded"], found["failed"]) == ("succeeded", 3, 0)


def test_what_was_stopped_is_cancelled_if_anything_is_unfinished(run_map: MapStarter) -> None:
    run = run_map(fail_some, range(3))

    def found(*told: int, stopped: bool) -> tuple[str, int]:
        summary = summarize(run.client, run.job, Told(*told, None), PRICES, stopped=stopped)
        return summary["state"], summary["unfinished"]

    assert found(1, 1, stopped=True) == ("cancelled", 1)
    assert found(2, 1, stopped=True) == ("failed", 0)
    assert found(3, 0, stopped=True) == ("succeeded", 0)
    assert found(2, 0, stopped=False) == ("failed", 1)


def test_cost_and_cold_starts_of_a_faas_backend(faas: FaasMaker) -> None:
    from lithops_provider.jobs.binding import bind_items

    client: LithopsClient = faas()
    run = started(client, *bind_items(fail_some, [0, 1]), runtime_memory=512)
    run.finish()
    price = Price(currency="EUR", region="here", gb_second=10.0, request=100.0)
    found: dict[str, Any] = summarize(client, run.job, told_by(run.outcomes), {run.job.backend: price})

    assert found["gb_seconds"] == round(found["compute_seconds"] / 2, 3)
    wanted = found["gb_seconds"] * 10 + found["calls"] * 100
    assert abs(found["cost"]["estimate"] - wanted) < 1
    assert found["cost"]["currency"] == "EUR"
    assert found["workers"]["worker_cold_start"] == found["workers"]["calls"]
