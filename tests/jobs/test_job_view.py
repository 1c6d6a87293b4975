from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs import job_view
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.clean import clean_job
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.job_view import JobView, Snapshot
from lithops_provider.jobs.run import JobRun
from tests.jobs.conftest import MapStarter, wait_for
from tests.jobs.failures import leave_mark


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_view, "_PAUSE", 0.0)
    monkeypatch.setattr(job_view, "_DUTY", 1000.0)


@pytest.fixture(autouse=True)
def _nothing_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Results are bombs to whoever looks on."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("somebody who looks on has unpickled something")

    loads = pickle.loads
    yield
    monkeypatch.setattr(pickle, "loads", loads)


def look(view: JobView, job: LithopsJob) -> Snapshot:
    view.refresh(job, 30)
    assert view.error is None
    assert view.snapshot is not None
    return view.snapshot
