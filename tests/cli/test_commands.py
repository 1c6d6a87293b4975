from __future__ import annotations

import io
from argparse import Namespace
from dataclasses import dataclass

import pytest

from lithops_provider.cli import commands
from lithops_provider.cli.lookup import FoundJob, find_job
from lithops_provider.cli.wrappers import confirm
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.status.records import TaskKey, TaskRecord
from tests.jobs.conftest import MapStarter, client, run_map
from tests.jobs.looked_at import fail_some

__all__ = ["client", "run_map"]  # fixtures


@pytest.mark.parametrize("named", ["%", "0123456789ABCDEF-0", "", "0123456789abcdef-0/..", "_"])
def test_a_name_that_no_job_has_is_refused(named: str) -> None:
    with pytest.raises(InvalidInputError, match="JOB must be an executor id"):
        find_job(named)


def test_errors_are_a_line() -> None:
    with pytest.raises(SystemExit, match=r"^JOB must be an executor id"):
        commands.show_(Namespace(job="%", output="table", verbose=False))


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_what_deletes_asks_first(monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if goes_on:
        confirm(Namespace(yes=False), "Sure?")
    else:
        with pytest.raises(SystemExit, match="Nothing was done"):
            confirm(Namespace(yes=False), "Sure?")


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
