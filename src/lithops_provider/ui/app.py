"""
The FastAPI app of the page, which Airflow's API server gets from plugin.py and mounts: the page, its assets, and its
data as JSON. It asks Airflow for the user's rights before it returns data. Routes that change something are in
actions.py.
"""

# No `from __future__ import annotations`: FastAPI reads the annotations when a route is made.

import functools
import html
from collections.abc import Awaitable, Callable
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from lithops_provider.jobs.view.item_table import STATES
from lithops_provider.jobs.view.job_view import JobView, Snapshot
from lithops_provider.status import answers
from lithops_provider.status.listing import Listing, list_runs, list_tasks
from lithops_provider.status.records import dags_with_jobs, failures_shown, summary_of
from lithops_provider.status.settings import task_settings
from lithops_provider.ui import actions
from lithops_provider.ui.auth import ReadableDags, Rights, logged_in, may_see_logs, may_see_tasks
from lithops_provider.ui.requests import MOST, Phase, Task, running_counts, view_of

_STATIC = FilePath(__file__).parent / "static"
#: How many rows a page of items, or of jobs, has at most.
_MOST_ROWS = 100

#: Headers by which browsers load nothing but what comes with this package, and show the page in Airflow's frame only.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _seen(view: JobView) -> Snapshot:
    """Returns the last snapshot of a job; the answer is an error if there is none yet."""
    if view.snapshot is None:
        raise HTTPException(503, view.error or "The storage has not answered yet.")
    return view.snapshot


api = APIRouter(prefix="/api")


@api.get("/jobs", dependencies=[may_see_tasks])
def list_jobs(
    session: SessionDep,
    readable: ReadableDags,
    dag: Annotated[str | None, Query(max_length=250)] = None,  # not dag_id: Airflow's check of rights would read it
    state: Annotated[Literal["running", "success", "failed"] | None, Query()] = None,
    search: Annotated[str, Query(max_length=200)] = "",
    sort: Literal["sent", "task", "items", "failed", "seconds", "cost"] = "sent",
    descending: bool = True,
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 25,
    offset: Annotated[int, Query(ge=0, le=MOST)] = 0,
    dags: bool = False,
) -> dict[str, Any]:
    """
    Returns recent tasks that have sent jobs, of all DAGs that the user may read. This is from the database, except how
    many items of running jobs are done, which keys in storage say. With `dags`, the DAGs that have sent jobs, too.
    """
    wanted = Listing(dag, state, search.strip(), sort, descending, limit, offset)
    found, more = list_tasks(session, readable, wanted)
    counts = running_counts(found)
    rows = [{**row.to_dict(), "counts": running} for row, running in zip(found, counts, strict=True)]
    answer: dict[str, Any] = {"rows": rows, "more": more}
    if dags:
        answer["dags"] = dags_with_jobs(session, readable)
    return answer


@api.get("/dags/{dag_id}/job", dependencies=[may_see_tasks])
def show_job(
    session: SessionDep,
    record: Task,
    rights: Rights,
    phase: Phase = None,
    version: Annotated[int | None, Query(ge=0, le=MOST)] = None,
) -> dict[str, Any]:
    """Returns a job's value, its progress and summary; charts only if the page hasn't the last version."""
    answer: dict[str, Any] = {
        "task": answers.task_value(record),
        "phases": list(record.jobs),
        "problem": record.problem,
        "may": rights,
    }
    if not record.jobs:
        return answer
    chosen, view = view_of(record, phase)
    snapshot = view.snapshot
    answer |= {"phase": chosen, "job": answers.job_value(record, chosen), "error": view.error, "progress": None}
    answer["summary"] = answers.summary(summary_of(session, record.key, record.jobs[chosen]))
    if snapshot is not None:
        answer["progress"] = answers.progress(view, snapshot, with_charts=snapshot.version != version)
        answer["why"] = answers.why(snapshot, answer["summary"])
    return answer


@api.get("/dags/{dag_id}/runs", dependencies=[may_see_tasks])
def list_task_runs(session: SessionDep, record: Task) -> dict[str, Any]:
    """Returns the last runs of the task with what came of their jobs, from the database alone, to be compared."""
    return {"rows": [row.to_dict() for row in list_runs(session, record.key)]}


@api.get("/dags/{dag_id}/items", dependencies=[may_see_tasks])
def list_items(
    record: Task,
    phase: Phase = None,
    sort: Literal["index", "state", "attempts", "call", "started", "seconds", "peak_memory", "failure"] = "index",
    descending: bool = False,
    state: Annotated[list[Literal["waiting", "running", "succeeded", "failed"]] | None, Query()] = None,
    search: Annotated[str, Query(max_length=200)] = "",
    first: Annotated[int, Query(ge=0, le=MOST)] = 0,
    count: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 50,
) -> dict[str, Any]:
    """Returns a page of the job's items."""
    _, view = view_of(record, phase)
    return answers.items(
        _seen(view),
        sort=sort,
        descending=descending,
        states=sorted(set(state or ()), key=STATES.index),
        search=search.strip(),
        first=first,
        count=count,
    )


@api.get("/dags/{dag_id}/items/{index}", dependencies=[may_see_tasks, may_see_logs])
def show_item(
    session: SessionDep, record: Task, index: Annotated[int, Path(ge=0, le=MOST)], phase: Phase = None
) -> dict[str, Any]:
    """Returns an item with its tracebacks, its output, and the log of its call."""
    _, view = view_of(record, phase)
    snapshot = _seen(view)
    if index >= snapshot.job.items:
        raise HTTPException(404, f"The job has no item {index}.")
    conn_id = task_settings(session, record.key).lithops_conn_id
    return answers.item(view, snapshot, index, failures_shown(session, record.key), conn_id)


@api.get("/dags/{dag_id}/failures", dependencies=[may_see_tasks, may_see_logs])
def download_failures(record: Task, phase: Phase = None) -> StreamingResponse:
    """Returns all failures, a line of JSON each."""
    _, view = view_of(record, phase)
    snapshot = _seen(view)
    name = f"failures-{snapshot.job.executor_id}.jsonl"
    return StreamingResponse(
        answers.failures(view, snapshot),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page(name: str, request: Request) -> HTMLResponse:
    """Returns a page, with the path under which Airflow is served, where the page finds its assets."""
    root = html.escape(str(request.scope.get("root_path", "")))
    return HTMLResponse((_STATIC / name).read_text(encoding="utf-8").replace("{root}", root))


@functools.cache
def create_app() -> FastAPI:
    """Returns the app. Routes that return data need Airflow's login and a right; code and style of the page don't."""
    app = FastAPI(title="Lithops jobs", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response

    @app.get("/jobs", dependencies=[logged_in])
    def jobs_page(request: Request) -> HTMLResponse:
        return _page("jobs.html", request)

    # The page's script reads from the path which task instance is meant: Airflow puts ids into it without escaping.
    @app.get("/job/{ids:path}", dependencies=[logged_in])
    def job_page(ids: str, request: Request) -> HTMLResponse:
        return _page("job.html", request)

    app.include_router(api)
    app.include_router(actions.api)
    app.mount("/static", StaticFiles(directory=_STATIC))
    return app
