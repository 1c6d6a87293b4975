"""What is left when a process is killed while it writes, or the disk is full: objects that are cut off, or empty."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import UpstreamFailedError
from lithops_provider.jobs.gather.outcomes import gather_outcomes
from lithops_provider.jobs.inputs.references import locate_results
from lithops_provider.jobs.remote.outcomes import Part
from lithops_provider.jobs.remote.parts import DamagedPartError, PartBuilder
from lithops_provider.jobs.run import JobRun
from tests.jobs.conftest import POLL, MapStarter
from tests.jobs.failures import Tally, leave_mark

ITEMS = 12
#: How much is left of an object: a share, or a negative number of bytes that are missing.
CUTS = [0, 9, 0.5, -10]
#: Those that tell most of a whole job: `test_every_cut_of_a_part_is_noticed` tries all there are without one.
SOME = pytest.mark.parametrize(
    "at", [pytest.param(at, marks=() if at in (0, 0.5) else pytest.mark.thorough) for at in CUTS]
)


def path_of(client: LithopsClient, key: str) -> Path:
    from lithops.constants import LITHOPS_TEMP_DIR

    return Path(LITHOPS_TEMP_DIR, client.bucket, key)


def cut(path: Path, at: float) -> None:
    size = path.stat().st_size
    left = int(size * at) if isinstance(at, float) else at if at >= 0 else size + at
    os.truncate(path, max(0, min(left, size - 1)))


def gone_on_with(run: JobRun) -> JobRun:
    """Waits for the job as the next try of a task does."""
    other = JobRun(run.client, run.spec, poll_interval=POLL, owner="next/2")
    other.attach(run.job)
    other.finish()
    return other


def keys_of(run: JobRun, name: str) -> list[str]:
    keys = run.client.keys(run.job.bucket, f"{run.job.round_prefix(0)}/")
    return sorted(key for key in keys if key.endswith(name))


@SOME
@pytest.mark.parametrize("name", [".part", "status.json", "/plan", "/items", "func.pickle", "aggdata.pickle"])
def test_no_torn_object_keeps_a_durable_job_from_its_end(run_map: MapStarter, name: str, at: float) -> None:
    run = run_map(lambda x: "x" * 1000, range(ITEMS), batch_size=4)
    keys = keys_of(run, name)
    assert keys
    for key in keys:
        cut(path_of(run.client, key), at)
    other = gone_on_with(run)
    assert other.results() == ["x" * 1000] * ITEMS
    assert other.failures() == []


@SOME
def test_only_what_a_torn_part_held_is_run_again(run_map: MapStarter, tally: Tally, at: float) -> None:
    run = run_map(lambda x: leave_mark(tally.path, str(x)) or x, range(ITEMS), batch_size=4)
    cut(path_of(run.client, keys_of(run, ".part")[1]), at)

    other = gone_on_with(run)
    assert other.results() == list(range(ITEMS))
    # Whoever reads the results by reference finds those of the second round, and the torn part is no matter any more.
    assert [failure for _, failure in locate_results(run.client, other.job)] == [None] * ITEMS
    marks = sorted(map(int, tally.read()))
    assert marks == sorted([*range(ITEMS), *range(4, 8)])


@pytest.mark.parametrize("results", [True, False])
@pytest.mark.parametrize("large", [True, False])
def test_a_torn_part_counts_as_missing_however_it_is_read(
    run_map: MapStarter, caplog: pytest.LogCaptureFixture, results: bool, large: bool
) -> None:
    run = run_map(lambda x: b"x" * (200_000 if large else 10), range(ITEMS), batch_size=4)
    key = keys_of(run, ".part")[0]
    cut(path_of(run.client, key), -10)
    with caplog.at_level(logging.WARNING):
        found = gather_outcomes(run.client, run.job, 0, results=results)
    assert sorted(found) == list(range(4, ITEMS))
    assert f"{key} is damaged" in caplog.text
    with pytest.raises(UpstreamFailedError, match=r"can't be read.*clear the task"):
        locate_results(run.client, run.job)


def part() -> bytes:
    builder = PartBuilder()
    builder.add_success(0, 1.0, 2.0, 3, b"first")
    builder.add_failure(1, 1.0, 2.0, 3, {"type": "E", "message": "m", "traceback": ""})
    builder.add_success(2, 1.0, 2.0, 3, b"the last")
    return builder.encode()


def test_every_cut_of_a_part_is_noticed() -> None:
    data = part()
    assert bytes(Part.decode(data)[2].result or b"") == b"the last"
    for size in range(len(data)):
        with pytest.raises(DamagedPartError):
            Part.decode(data[:size])


def test_zeros_in_the_place_of_results_are_noticed() -> None:
    """As some file systems leave them after a power failure."""
    data = part()
    assert data.count(b"the last") == 1
    with pytest.raises(DamagedPartError, match="aren't those that were written"):
        Part.decode(data.replace(b"the last", b"\0" * 8))


def test_what_follows_a_part_is_noticed() -> None:
    with pytest.raises(DamagedPartError):
        Part.decode(part() + part())


def test_a_part_of_an_older_release_has_no_checksum_and_is_read() -> None:
    header = {
        "index": [3], "started": [1.0], "seconds": [1.0], "peak_memory": [1], "size": [1], "failures": {}, "output": {}
    }  # fmt: skip
    from lithops_provider.jobs.remote import frames

    assert Part.decode(frames.pack([json.dumps(header).encode(), b"x"]))[0].item == 3


def test_a_report_that_is_no_report_is_none(client: LithopsClient) -> None:
    for data in (b"", b"[]", b'{"a"', b"\xff", b"null"):
        client.put("torn/object", data)
        assert client.get_json(client.bucket, "torn/object") is None
    value: dict[str, Any] = {"a": 1}
    client.put("torn/object", json.dumps(value).encode())
    assert client.get_json(client.bucket, "torn/object") == value
