"""What is known of a job from the headers of its parts agrees with what its outcomes tell."""

from __future__ import annotations

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather import tally as module
from lithops_provider.jobs.gather.tally import ItemTally, read_tally, tally_of
from lithops_provider.jobs.remote.outcomes import Durations
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.view.summary import _items
from tests.jobs.conftest import MapStarter
from tests.jobs.looked_at import fail_some


@pytest.fixture
def run(start_map: MapStarter) -> JobRun:
    """Ten items, three of which fail, twice."""
    run = start_map(fail_some, range(10), batch_size=5)
    run.item_retries = 1
    run.finish()
    return run


def test_headers_tell_what_outcomes_tell(client: LithopsClient, run: JobRun) -> None:
    by_headers, by_outcomes = read_tally(client, run.job), tally_of(run.outcomes)

    assert by_headers[:2] == by_outcomes[:2] == (7, 3)
    assert by_headers.durations is not None
    assert by_outcomes.durations is not None
    assert _items(by_headers.durations) == _items(by_outcomes.durations)
    assert by_headers.ended == by_outcomes.ended
    assert by_headers.ended is not None
    assert run.job.created < by_headers.ended


def test_of_very_many_parts_only_the_names_are_read(
    client: LithopsClient, run: JobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PARTS", 2)

    assert read_tally(client, run.job) == ItemTally(7, 3, None)


def test_a_job_of_which_nothing_was_stored(client: LithopsClient, run: JobRun) -> None:
    client.delete(run.job.bucket, client.keys(run.job.bucket, f"lithops.jobs/{run.job.executor_id}"))

    assert read_tally(client, run.job) == ItemTally(0, 0, Durations(0.0, [], 0))
