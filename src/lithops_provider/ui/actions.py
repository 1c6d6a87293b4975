"""
What users can do with a job on the page: stop it, and delete its data. Airflow checks the user's rights on the task and
notes in its audit log who did it. To run failed items again, the page asks Airflow itself to clear the task. app.py
adds these routes.
"""

# No `from __future__ import annotations`: FastAPI reads the annotations when a route is made.

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.clean import clean_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, LithopsJobError
from lithops_provider.jobs.follow.owner import read_owner
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.status.records import TaskRecord
from lithops_provider.status.storage import check_owned
from lithops_provider.ui.auth import audited, may_change_tasks, may_delete_tasks, sent_by_page
from lithops_provider.ui.requests import Phase, Task, view_of

#: The executor id of the job that the user has seen, and means.
Meant = Annotated[str, Query(pattern=r"^[0-9a-f]{16}-0$")]

api = APIRouter(prefix="/api")


@api.post("/dags/{dag_id}/stop", dependencies=[audited("lithops_stop_job"), sent_by_page, may_change_tasks])
def stop(record: Task, job: Meant, phase: Phase = None) -> dict[str, Any]:
    """Stops a job. A task that waits for it fails."""
    view, value = _meant(record, job, phase)
    if view.snapshot is not None and view.snapshot.over:
        raise HTTPException(409, f"Job {job} is over.")
    try:
        cancel_job(_checked(view, record, value), value)
    except LithopsJobError as error:
        raise HTTPException(409, view.without_secrets(str(error))) from error
    return {"stopped": job}


@api.post("/dags/{dag_id}/clean", dependencies=[audited("lithops_clean_job"), sent_by_page, may_delete_tasks])
def clean(record: Task, job: Meant, phase: Phase = None) -> dict[str, Any]:
    """Deletes a job's data, its results included, unless its task waits for it."""
    view, value = _meant(record, job, phase)
    try:
        record.check_cleanable(value)
        objects = clean_job(_checked(view, record, value), value)
    except LithopsJobError as error:
        raise HTTPException(409, view.without_secrets(str(error))) from error
    return {"deleted": objects}


def _meant(record: TaskRecord, executor_id: str, phase: str | None) -> tuple[JobView, LithopsJob]:
    """Returns the view and the value of a job, if it still is the one that the user has seen."""
    chosen, view = view_of(record, phase)
    value = record.jobs[chosen]
    if value.executor_id != executor_id:
        raise HTTPException(409, f"The task has another job by now: {value.executor_id}.")
    return view, value


def _checked(view: JobView, record: TaskRecord, job: LithopsJob) -> LithopsClient:
    """
    Returns the client for the job's storage, if there is a record that the job is the task's. Without one, the data of
    the job is gone. Looking at such a job does no harm, but stopping or deleting it would go by an XCom alone, which
    users may write.
    """
    client = view.client()
    check_owned(client, job, record.key)
    if read_owner(client, job) is None:
        raise InvalidInputError(f"the data of job {job.executor_id} is gone")
    return client
