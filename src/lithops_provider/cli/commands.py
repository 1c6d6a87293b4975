"""
The functions behind ``airflow lithops ...``, which definition.py names. They check no rights: whoever may start
Airflow's command line may read its database anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.utils.session import create_session

from lithops_provider.cli.lookup import find_job
from lithops_provider.cli.output import plain_text, show_fields, show_rows
from lithops_provider.cli.wrappers import command, confirm, noted
from lithops_provider.connection.settings import ConnectionSettings
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.status import answers
from lithops_provider.status.records import recent_tasks
from lithops_provider.status.settings import task_settings
from lithops_provider.status.storage import connect

if TYPE_CHECKING:
    from argparse import Namespace


@command
def list_(args: Namespace) -> None:
    """Lists jobs, from the database alone."""
    with create_session() as session:
        records = recent_tasks(session, [args.dag_id] if args.dag_id else None, args.limit, args.offset)
    rows: list[dict[str, Any]] = []
    for record in records:
        for phase, job in record.jobs.items():
            task = {"dag_id": record.key.dag_id, "run_id": record.key.run_id, "task_id": record.key.task_id}
            rows.append(
                {
                    "job": job.executor_id,
                    **task,
                    "map_index": record.key.map_index,
                    "task_state": record.state,
                    "phase": phase,
                    "function": job.function,
                    "items": job.items,
                    "rounds": len(job.rounds),
                    "backend": job.backend,
                    "created": job.created,
                }
            )
    show_rows(rows, args.output)


@command
def show_(args: Namespace) -> None:
    """Shows how far a job is."""
    found = find_job(args.job)
    view, snapshot = found.look()
    progress = answers.progress(view, snapshot, with_charts=False)
    shown = ("state", "counts", "retried", "rate", "left", "seconds", "peak_memory", "damaged", "gone")
    fields = {
        **answers.job_value(found.record, found.phase),
        **{name: progress[name] for name in shown},
        "task": answers.task_value(found.record),
        "summary": answers.summary(found.summary),
    }
    show_fields(fields, args.output)


@command
def items_(args: Namespace) -> None:
    """Lists items."""
    _, snapshot = find_job(args.job).look()
    answer = answers.items(
        snapshot,
        sort=args.sort,
        descending=args.descending,
        states=sorted(set(args.state or ())),
        search=args.search.strip(),
        first=args.offset,
        count=args.limit,
    )
    show_rows(answer["rows"], args.output)


@command
def failures_(args: Namespace) -> None:
    """Shows why items failed: their failures by type and place, with a traceback of each."""
    found = find_job(args.job)
    view, snapshot = found.look()
    why = answers.why(snapshot, answers.summary(found.summary))
    if args.output in ("json", "yaml"):
        show_fields(why or {}, args.output)
        return
    if why is None:
        print(f"No item of job {found.job.executor_id} has failed.")  # noqa: T201 - what a command is for
        return
    lines = [f"Job {found.job.executor_id}: {why['text']}"]
    lines += [f"{why['unfinished']} have no outcome"] if why["unfinished"] else []
    lines += [why["reason"]] if why["reason"] else []
    for group in snapshot.table.groups()[: len(why["groups"])]:
        lines += [f"== {group.title()}: {group.named()}", f"item {group.items[0]}: {group.message}"]
        lines.append(answers.traceback(view, snapshot, group.items[0]).rstrip())
    lines += [f"... and {why['more']} more kinds of failures"] if why["more"] else []
    print(plain_text("\n".join(filter(None, lines))))  # noqa: T201


@command
def logs_(args: Namespace) -> None:
    """Shows what an item and its call have said, try by try."""
    found = find_job(args.job)
    if args.index >= found.job.items:
        raise InvalidInputError(f"job {found.job.executor_id} has {found.job.items} item(s), so no item {args.index}")
    view, snapshot = found.look()
    with create_session() as session:
        conn_id = task_settings(session, found.record.key).lithops_conn_id
    item = answers.item(view, snapshot, args.index, found.shown, conn_id)
    if args.output in ("json", "yaml"):
        show_fields(item, args.output)
        return
    lines = [f"Item {args.index} of job {found.job.executor_id}: {item['state']}"]
    for entry in item["tries"]:
        lines.append(f"== Call {entry['round']}/{entry['call']}, {entry['seconds']:.6g} s")
        lines.append(f"-- In Lithops's logs: job {entry['job_id']}, call {entry['call']:05d}")
        lines += [f"-- {title}\n{text.rstrip()}" for title, text in _said(entry) if text]
    print(plain_text("\n".join(lines)))  # noqa: T201 - what a command is for


def _said(entry: dict[str, Any]) -> list[tuple[str, str]]:
    failure = entry["failure"] or {}
    traceback = failure.get("traceback") or failure.get("text", "")
    return [("Output", entry["output"]), ("Failure", traceback), ("Log of the call", entry["log"])]


@noted
@command
def cancel_(args: Namespace) -> None:
    """Stops a job."""
    from lithops_provider.jobs.cancel import cancel_job

    found = find_job(args.job)
    confirm(args, f"Stop job {found.job.executor_id} of task {found.record.key.task_id}?")
    cancel_job(found.client(), found.job)
    print(f"Job {found.job.executor_id} was told to stop.")  # noqa: T201


@noted
@command
def clean_(args: Namespace) -> None:
    """Deletes the data of a job, or of old ones."""
    from lithops_provider.jobs.clean import clean_job, clean_older_than

    if (args.job is None) == (args.older_than is None):
        raise InvalidInputError("give either a JOB or --older-than DAYS")
    if args.job is None:
        client = connect(ConnectionSettings(args.conn_id))
        where = f"{client.storage_backend}://{client.bucket}"
        confirm(args, f"Delete the data of all jobs in {where} that were sent over {args.older_than:g} days ago?")
        jobs = clean_older_than(client, args.older_than * 86_400)
        print(f"Deleted the data of {jobs} job(s).")  # noqa: T201
        return
    found = find_job(args.job)
    job = found.job
    found.record.check_cleanable(job)
    confirm(args, f"Delete the data of job {job.executor_id}, its results included?")
    objects = clean_job(found.client(), job)
    print(f"Deleted {objects} object(s) of job {job.executor_id}.")  # noqa: T201


@command
def cache_list_(args: Namespace) -> None:
    """Lists the entries of the cache."""
    from lithops_provider.jobs.submit.cache.entries import list_entries, read_indexes

    client = connect(ConnectionSettings(args.conn_id))
    rows = [
        {"function": index.name, "digest": entry.function, "items": index.items, "created": entry.created}
        for entry, index in read_indexes(client, list_entries(client))
    ]
    show_rows(rows, args.output)


@noted
@command
def cache_clear_(args: Namespace) -> None:
    """Deletes entries of the cache."""
    from lithops_provider.jobs.submit.cache.entries import clear_cache

    client = connect(ConnectionSettings(args.conn_id))
    confirm(args, f"Delete the cached results in {client.storage_backend}://{client.bucket}?")
    print(f"Deleted the cached results of {clear_cache(client, args.older_than * 86_400)} run(s).")  # noqa: T201


@command
def executor_status_(args: Namespace) -> None:
    """Lists the calls of the LithopsExecutor."""
    from lithops_provider.executors.settings import SECTION, ExecutorSettings
    from lithops_provider.executors.status import calls_under_way

    settings = ExecutorSettings.read(lambda name: conf.get(SECTION, name, fallback=None))
    show_rows(calls_under_way(connect(settings.connection(settings.options))), args.output)
