"""What comes of `iter_results`. The other functions of wait.py are tried in gather/test_outcomes.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs import gather_results, iter_results
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import Failure, ItemsFailedError, JobTimeoutError, StorageUnavailableError
from lithops_provider.jobs.submit.plan import store_plan
from tests.jobs.arriving import double, wait_for_file
from tests.jobs.conftest import POLL, MapStarter
from tests.jobs.elsewhere import elsewhere, end, sent, store


def test_results_come_while_others_still_run(client: LithopsClient, start_map: MapStarter, tmp_path: Path) -> None:
    go_on = tmp_path / "go_on"
    run = start_map(wait_for_file, [(str(go_on), index) for index in range(2)], batch_size=1)

    found = iter_results(client, run.job, poll_interval=POLL)
    first = next(found)
    go_on.touch()

    assert [first, *found] == [(0, 0), (1, 1)]


def test_a_failure_is_raised_or_yielded_as_asked(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(double, range(5)).job

    with pytest.raises(ItemsFailedError, match=r"item 3: double\(3\): ValueError: three is too many") as raised:
        list(iter_results(client, job))
    found = dict(iter_results(client, job, throw_except=False))

    assert [failure.index for failure in raised.value.failures] == [3]
    failure = found.pop(3)
    assert isinstance(failure, Failure)
    assert (failure.index, failure.item, failure.type, failure.message) == (3, "3", "ValueError", "three is too many")
    assert found == {0: 0, 1: 2, 2: 4, 4: 8}
    assert sorted(found.values()) == [
        value for value in gather_results(client, job, min_success_ratio=0) if value is not None
    ]


@pytest.mark.parametrize("gather", [gather_results, lambda client, job: list(iter_results(client, job))])
def test_a_failure_whose_item_is_gone_from_the_storage_is_an_error_that_says_so(
    client: LithopsClient, run_map: MapStarter, gather: Callable[..., Any]
) -> None:
    job = run_map(double, [3]).job
    client.delete(job.bucket, [job.items_key(0)])

    with pytest.raises(
        StorageUnavailableError, match=rf"the items of job {job.executor_id} are gone from localhost://"
    ):
        gather(client, job)


def test_what_was_sent_again_comes_once_as_it_came_out_last(client: LithopsClient) -> None:
    job = sent(client, items=4, calls=1)
    store(client, job, 0, {0: 0, 1: "at first", 2: "for ever", 3: "not sent again"})
    later = job.with_round(2, 1)
    store_plan(client, later, [[1, 2]], None)
    store(client, later, 0, {1: 1, 2: "for ever"})
    end(client, later, 0)

    found = {
        index: value.message if isinstance(value, Failure) else value
        for index, value in iter_results(client, later, poll_interval=POLL, throw_except=False)
    }

    assert found == {0: 0, 1: 1, 2: "for ever", 3: "not sent again"}


def test_items_that_nobody_will_tell_of_have_failed(client: LithopsClient) -> None:
    job = sent(client)
    store(client, job, 0, {0: 0, 1: 1, 2: 2})
    client.put(f"{job.round_prefix()}/00001/status.json", json.dumps({"type": "__end__"}).encode())
    end(client, job, 0)

    found = dict(iter_results(client, job, poll_interval=POLL, throw_except=False))

    assert sorted(found) == [0, 1, 2, 3, 4, 5]
    assert [found[index].type for index in (3, 4, 5)] == ["NotRunError"] * 3


def test_it_gives_up_when_its_time_is_over_and_the_job_goes_on(client: LithopsClient) -> None:
    job = sent(client)
    store(client, job, 0, {0: 0})

    found = iter_results(client, job, poll_interval=POLL, timeout=0.2)

    assert next(found) == (0, 0)
    with pytest.raises(JobTimeoutError, match=r"is not over after 0.2 s: 1 of 6 items are done; it goes on"):
        next(found)
    assert client.get(job.bucket, job.stop_key()) is None


def test_a_job_whose_data_is_gone_is_an_error_at_once(client: LithopsClient) -> None:
    with pytest.raises(StorageUnavailableError, match="is gone from localhost://"):
        iter_results(client, elsewhere(client))
