from __future__ import annotations

import json
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather.tally import ItemTally, tally_of
from lithops_provider.jobs.remote.outcomes import Outcomes, Part
from lithops_provider.jobs.remote.parts import PartBuilder
from lithops_provider.jobs.view.prices import PRICES, Price
from lithops_provider.jobs.view.summary import _items, summarize
from tests.jobs.conftest import FaasMaker, MapStarter, started
from tests.jobs.looked_at import fail_some
from tests.jobs.standins import FailingStorage, times


def part(rows: dict[int, float], failed: tuple[int, ...] = ()) -> Part:
    builder = PartBuilder()
    for index, seconds in rows.items():
        if index in failed:
            builder.add_failure(index, 0.0, seconds, 7, {"type": "E", "message": "", "traceback": ""})
        else:
            builder.add_success(index, 0.0, seconds, index, b"")
    return Part.decode(builder.encode())


def test_columns_are_summed_up_over_all_tries() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({0: 1.0, 1: 5.0, 2: 2.0, 3: 3.0}, failed=(1,)))
    outcomes.add_part(part({1: 4.0, 4: 2.5, 5: 0.5}))

    assert _items(outcomes.durations()) == {
        "compute_seconds": 18.0,
        "slowest": [[1, 5.0], [3, 3.0], [4, 2.5]],
        "peak_memory": 7,
    }


def test_an_item_is_named_once_with_its_slowest_try() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({1: 4.0, 2: 1.0}, failed=(1,)))
    outcomes.add_part(part({1: 5.0}))

    assert _items(outcomes.durations())["slowest"] == [[1, 5.0], [2, 1.0]]


def test_items_that_are_equally_slow() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({8: 1.0, 7: 2.0, 6: 2.0, 5: 2.0, 4: 2.0}))

    assert _items(outcomes.durations())["slowest"] == [[7, 2.0], [6, 2.0], [5, 2.0]]


def test_a_job_with_failures_and_retries(start_map: MapStarter) -> None:
    run = start_map(fail_some, range(10), batch_size=5)
    run.item_retries = 1
    run.finish()
    found = summarize(run.client, run.job, tally_of(run.outcomes), PRICES)

    assert "unfinished" not in found
    assert {name: found[name] for name in ("job", "items", "succeeded", "failed", "retried")} == {
        **{"job": run.job.executor_id, "items": 10, "succeeded": 7, "failed": 3, "retried": 3}
    }
    assert found["calls"] == sum(entry.calls for entry in run.job.rounds)
    assert 0 < found["compute_seconds"] < found["wall_seconds"]
    assert len(found["slowest"]) == 3
    assert found["peak_memory"] > 1 << 20
    assert "calls" not in found["workers"]  # all of the last round
    assert found["workers"]["worker_exec_time"] >= found["workers"]["worker_func_exec_time"] > 0
    assert found["workers"]["worker_peak_memory_end"] > 1 << 20
    assert "cost" not in found  # nobody takes anything for this machine
    assert len(json.dumps(found)) < 1024


def test_without_columns_it_tells_the_counts(run_map: MapStarter) -> None:
    run = run_map(fail_some, range(3))
    found = summarize(run.client, run.job, ItemTally(3, 0, None), PRICES)

    assert set(found) == {"job", "items", "succeeded", "failed", "calls", "wall_seconds"}
    assert (found["succeeded"], found["failed"]) == (3, 0)


@pytest.mark.parametrize("stopped", [True, False])
def test_what_is_unfinished_is_told_if_there_is_any(run_map: MapStarter, stopped: bool) -> None:
    run = run_map(fail_some, range(3))

    found = summarize(run.client, run.job, ItemTally(1, 1, None), PRICES, stopped=stopped)
    assert (found["unfinished"], found["stopped"]) == (1, stopped)
    assert "stopped" not in summarize(run.client, run.job, ItemTally(2, 1, None), PRICES, stopped=stopped)


def test_what_workers_report_is_left_out_while_the_storage_fails(
    run_map: MapStarter, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_map(fail_some, range(3))
    client = LithopsClient(run.client.config, patience=0.01)
    client._internal_storage.storage = FailingStorage(client.storage, times(1_000_000, "get_object", "status.json"))

    found = summarize(client, run.job, tally_of(run.outcomes), PRICES)

    assert "workers" not in found
    assert found["slowest"]
    assert f"The statuses of the calls of job {run.job.executor_id} can't be read" in caplog.text


def test_cost_and_cold_starts_of_a_faas_backend(faas: FaasMaker) -> None:
    from lithops_provider.jobs.binding.function import bind_items

    client: LithopsClient = faas()
    run = started(client, *bind_items(fail_some, [0, 1]), runtime_memory=512)
    run.finish()
    price = Price(currency="EUR", region="here", gb_second=10.0, request=100.0)
    found: dict[str, Any] = summarize(client, run.job, tally_of(run.outcomes), {run.job.backend: price})

    assert found["gb_seconds"] == round(found["compute_seconds"] / 2, 3)
    wanted = found["gb_seconds"] * 10 + found["calls"] * 100
    assert abs(found["cost"]["estimate"] - wanted) < 1
    assert found["cost"]["currency"] == "EUR"
    assert found["workers"]["worker_cold_start"] == found["calls"]
