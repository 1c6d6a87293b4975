"""Which views of jobs are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lithops_provider.jobs.job import LithopsJob
from lithops_provider.status.records import TaskKey, TaskRecord
from lithops_provider.ui import view_cache as views
from lithops_provider.ui.view_cache import JobViews
from tests.jobs.made import make_job

WAY = TaskRecord(
    TaskKey("dag", "run", "task", -1), state=None, try_number=1, started=None, ended=None, operator=None, jobs={}
)


def job(number: int, items: int = 10) -> LithopsJob:
    return make_job(executor_id=f"{number:016x}-0", items=items)


def test_a_view_is_kept_over_rounds() -> None:
    kept = JobViews()

    assert kept.get(WAY, job(1)) is kept.get(WAY, job(1).with_round(1, 1))


@pytest.mark.parametrize(
    "other",
    [
        replace(WAY, try_number=2),
        *(replace(WAY, key=replace(WAY.key, **{name: "x"})) for name in ("dag_id", "run_id", "task_id")),
        replace(WAY, key=replace(WAY.key, map_index=0)),
    ],
    ids=str,
)
def test_the_same_value_in_another_task_is_another_view(other: TaskRecord) -> None:
    kept = JobViews()

    assert kept.get(WAY, job(1)) is not kept.get(other, job(1))


def test_a_value_with_the_same_id_is_another_view_if_it_differs() -> None:
    kept = JobViews()

    assert kept.get(WAY, job(1)) is not kept.get(WAY, job(1, items=11))


def test_the_oldest_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_MOST_VIEWS", 2)
    kept = JobViews()
    first, second = kept.get(WAY, job(1)), kept.get(WAY, job(2))
    assert kept.get(WAY, job(1)) is first
    kept.get(WAY, job(3))

    assert kept.get(WAY, job(1)) is first
    assert kept.get(WAY, job(2)) is not second


def test_big_ones_make_others_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_MOST_ITEMS", 100)
    kept = JobViews()
    first = kept.get(WAY, job(1))
    big = kept.get(WAY, job(2, items=1_000))

    assert kept.get(WAY, job(2, items=1_000)) is big
    assert kept.get(WAY, job(1)) is not first


def test_those_that_nobody_looks_at_go(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = JobViews()
    first = kept.get(WAY, job(1))
    monkeypatch.setattr(views, "_IDLE", 0.0)
    kept.get(WAY, job(2))

    assert kept.get(WAY, job(1)) is not first
