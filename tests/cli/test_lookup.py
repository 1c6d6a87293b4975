"""How a job is named on the command line, and looked at."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lithops_provider.cli import lookup
from lithops_provider.cli.lookup import FoundJob, find_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.report.xcoms import JOB_KEY
from lithops_provider.status.records import TaskKey, TaskRecord
from tests.jobs.conftest import client
from tests.jobs.elsewhere import sent, store
from tests.status.database import Database, database, jobs
from tools.waiting import HANGS

__all__ = ["client", "database", "jobs"]  # fixtures


@pytest.mark.parametrize("named", ["%", "0123456789ABCDEF-0", "", "0123456789abcdef-0/..", "_"])
def test_a_name_that_no_job_has_is_refused(named: str) -> None:
    with pytest.raises(InvalidInputError, match="JOB must be an executor id"):
        find_job(named)


@pytest.fixture
def known(jobs: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The tables in which jobs are looked up."""
    monkeypatch.setattr(lookup, "create_session", lambda: contextlib.nullcontext(jobs.session))
    return jobs


@pytest.mark.usefixtures("known")
def test_the_beginning_of_its_id_names_a_job() -> None:
    found = find_job(f"{3:016x}")

    assert (found.record.key.task_id, found.phase, found.job.items, found.summary) == ("shrink", "map", 500, None)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("named", "why"),
    [("000", "several jobs begin with '000'; give more of"), ("abc", "no task has published a job 'abc': it is")],
    ids=["several", "none"],
)
def test_a_name_must_be_that_of_one_job(named: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        find_job(named)


def test_of_tasks_that_name_a_job_the_one_counts_that_has_sent_it(
    known: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any task may push any text as its job."""
    (record,) = lookup.tasks_of_job(known.session, named := f"{1:016x}-0")
    other = {"dag_id": "a", "run_id": "r", "task_id": "pushes", "map_index": -1}
    known.add_task(other, "success")
    known.push(other, JOB_KEY, {"jobs": {"map": record.jobs["map"].to_dict()}})
    owners = {"parse"}

    def open_job(key: TaskKey, job: LithopsJob) -> None:
        if key.task_id not in owners:
            raise InvalidInputError(f"job {job.executor_id} is not one of task {key.task_id}")

    monkeypatch.setattr(lookup, "open_job", open_job)
    assert find_job(named).record.key.task_id == "parse"
    owners = {"pushes"}
    assert find_job(named).record.key.task_id == "pushes"
    owners = set()
    with pytest.raises(InvalidInputError, match=f"^job {named} is not one of task "):
        find_job(named)


@dataclass(frozen=True)
class Known(FoundJob):
    """A job whose storage is known."""

    storage: Any

    def client(self) -> Any:
        return self.storage


class Storage(LithopsClient):
    """A storage that doesn't answer one request as long as nobody releases it, and then fails."""

    def __init__(self, config: dict[str, Any], silent: str) -> None:
        super().__init__(config)
        self.silent = silent
        self.asked, self.released = threading.Event(), threading.Event()

    def keys(self, bucket: str, prefix: str) -> list[str]:
        self._maybe_fail("LIST")
        return super().keys(bucket, prefix)

    def get_range(self, bucket: str, key: str, first: int, last: int) -> bytes | None:
        self._maybe_fail("GET of a part")
        return super().get_range(bucket, key, first, last)

    def _maybe_fail(self, request: str) -> None:
        if request == self.silent:
            self.asked.set()
            assert self.released.wait(HANGS)
            raise StorageUnavailableError("the storage is gone")


@pytest.fixture(params=["LIST", "GET of a part"])
def storage(request: pytest.FixtureRequest, client: LithopsClient) -> Iterator[Storage]:
    storage = Storage(client.config, request.param)
    yield storage
    storage.released.set()


@pytest.fixture
def found(storage: Storage) -> Known:
    """A job that is stored there, with one failure."""
    job = sent(storage, items=2, calls=1)
    store(storage, job, 0, {0: "0 is bad"})
    return Known(
        TaskRecord(TaskKey("d", "r", "t", -1), "running", 1, None, None, None, {"map": job}), "map", {}, None, storage
    )


def test_a_storage_that_fails_meanwhile_leaves_no_half_of_the_state(storage: Storage, found: Known) -> None:
    storage.released.set()

    with pytest.raises(StorageUnavailableError, match=r"^the storage is gone$"):
        found.look()


def test_a_storage_that_does_not_answer_in_time_is_said(
    storage: Storage, found: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(JobView):
        def refresh(self, job: LithopsJob, wait: float) -> None:
            super().refresh(job, 0.0)
            assert storage.asked.wait(HANGS)

    monkeypatch.setattr(lookup, "JobView", Impatient)

    with pytest.raises(StorageUnavailableError, match="has not told all of the job's state within 300 s"):
        found.look()
