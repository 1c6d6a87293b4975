"""Lists the calls that run tasks, whichever scheduler has sent them, for ``airflow lithops executor status``."""

from __future__ import annotations

import contextlib
from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select

from lithops_provider.executors.records import JobRecord, call_name, read_records
from lithops_provider.jobs import LithopsClient
from lithops_provider.jobs.follow.follower import CallState, read_calls
from lithops_provider.jobs.remote.keys import call_id

_TASK = ("dag_id", "run_id", "task_id", "map_index")


def calls_under_way(client: LithopsClient) -> list[dict[str, Any]]:
    """
    Returns a row for each call of the jobs that have a record: those of which some tasks wait or run.

    :param client: its bucket is the one with the records
    :returns: rows, the latest first. ``call`` is the call's name; ``dag_id``, ``run_id``, ``task_id``, ``map_index``
        and ``task_state`` are what Airflow's database has of the task, or None; ``call_state`` is ``waiting``,
        ``running`` or ``over``; ``backend`` is the compute backend, and ``created`` when the job was made, in seconds
        since the epoch
    :raises LithopsJobError: the storage doesn't answer
    """
    records = sorted(read_records(client), key=lambda one: one.job.created, reverse=True)
    tasks = _tasks([one for record in records for one in record.ids]) if records else {}
    return [row for record in records for row in _rows(client, record, tasks)]


def _rows(client: LithopsClient, record: JobRecord, tasks: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    job = record.job
    prefix = job.round_prefix()
    calls = read_calls(client.keys(job.bucket, f"{prefix}/"), prefix)
    unknown = {**dict.fromkeys(_TASK), "task_state": None}
    return [
        {
            "call": call_name(job, number),
            **tasks.get(one, unknown),
            "call_state": _state(calls.get(call_id(number))),
            "backend": job.backend,
            "created": job.created,
        }
        for number, one in enumerate(record.ids)
    ]


def _state(call: CallState | None) -> str:
    if call is None:
        return "waiting"
    return "over" if call.done or call.ended else "running"


def _tasks(ids: list[str]) -> dict[str, dict[str, Any]]:
    """Returns what Airflow's database knows of tasks, by the ids of their tries; not of earlier tries."""
    kind = TaskInstance.id.type.python_type  # UUID; before Airflow 3.3, str
    known = []
    for one in ids:
        with contextlib.suppress(ValueError):  # the test of a connection has none
            known.append(kind(one))
    columns = (TaskInstance.id, TaskInstance.state, *(getattr(TaskInstance, name) for name in _TASK))
    with create_session() as session:
        found = session.execute(select(*columns).where(TaskInstance.id.in_(known))).all()
    return {str(row.id): {**{name: getattr(row, name) for name in _TASK}, "task_state": row.state} for row in found}
