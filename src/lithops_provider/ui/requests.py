"""
Finds what a request of the page is about: the task instance that it names, and views of its jobs. The routes of app.py
and actions.py get both from here.
"""

# No `from __future__ import annotations`: FastAPI reads the annotations when a route is made.

import time
from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import Depends, HTTPException, Path, Query

from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.status.listing import ListedTask
from lithops_provider.status.records import TaskKey, TaskRecord, find_task
from lithops_provider.ui.view_cache import JobViews

#: Seconds that an answer waits for the storage: if there is nothing to show yet, and if there is.
_FIRST_WAIT, _NEXT_WAIT = 1.2, 0.4
#: Seconds since a job's sending within which the list looks for its progress.
_RECENT = 86_400.0
#: The largest number that a database has room for.
MOST = (1 << 31) - 1

_NAME = r"^[\w.-]+$"
DagId = Annotated[str, Path(pattern=_NAME, max_length=250)]
Phase = Annotated[str | None, Query(pattern=r"^[a-z]+(-[0-9]+)?$", max_length=20)]

views = JobViews()


def _task(
    session: SessionDep,
    dag_id: DagId,
    run_id: Annotated[str, Query(max_length=250)],
    task_id: Annotated[str, Query(pattern=_NAME, max_length=250)],
    map_index: Annotated[int, Query(ge=-1, le=MOST)] = -1,
) -> TaskRecord:
    """Returns the task instance that a request is about, with its jobs."""
    record = find_task(session, TaskKey(dag_id, run_id, task_id, map_index))
    if record is None:
        raise HTTPException(404, "There is no such task instance.")
    return record


Task = Annotated[TaskRecord, Depends(_task)]


def view_of(record: TaskRecord, phase: str | None) -> tuple[str, JobView]:
    """Returns the given phase, or the last one if none is given, and the view of its job, which is refreshed first."""
    if not record.jobs:
        raise HTTPException(404, record.problem or "The task has not sent a job yet.")
    chosen = phase or list(record.jobs)[-1]
    if chosen not in record.jobs:
        raise HTTPException(404, f"The task has no job for the phase {chosen}.")
    view = views.get(record, record.jobs[chosen])
    view.refresh(record.jobs[chosen], _FIRST_WAIT if view.snapshot is None else _NEXT_WAIT)
    return chosen, view


def running_counts(rows: list[ListedTask]) -> list[dict[str, dict[str, int]]]:
    """
    Returns, for each row of the list, how many items of its jobs are in each state, by phase, as far as that can be
    read in a moment. Jobs that have a summary are left out, and those that were sent long ago.
    """
    recent = time.time() - _RECENT
    looked = [
        {
            phase: views.get(row.record, job, counts_only=True)
            for phase, job in row.record.jobs.items()
            if phase not in row.summaries and job.created > recent
        }
        for row in rows
    ]
    end = time.monotonic() + _NEXT_WAIT
    for wait in (False, True):  # all looks begin before one is waited for
        for row, found in zip(rows, looked, strict=True):
            for phase, view in found.items():
                view.refresh(row.record.jobs[phase], max(end - time.monotonic(), 0.0) if wait else 0.0)
    return [{phase: view.snapshot.counts for phase, view in found.items() if view.snapshot} for found in looked]
