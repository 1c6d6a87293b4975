"""
Lists recent jobs of all DAGs that a user may read, filtered and sorted, for the page (`ui/app.py`). All of it is from
Airflow's database, where the summary of a job says what has become of it; for a job that still runs, the page itself
looks how far it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.status import answers
from lithops_provider.status.records import recent_tasks, runs_of_task, summaries_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lithops_provider.status.records import TaskKey, TaskRecord

#: How many task instances are searched and sorted: the last ones that pass the database's own filters.
LOOKED_AT = 1_000
#: How many runs of a task the user can choose from.
_RUNS = 50
#: States of task instances by the word that the page filters with.
STATES = {
    "running": ("scheduled", "queued", "running", "deferred", "restarting", "up_for_retry", "up_for_reschedule"),
    "success": ("success",),
    "failed": ("failed", "upstream_failed"),
}
#: What the list can be sorted by. The default is when the jobs were sent.
SORTS = ("sent", "task", "items", "failed", "seconds", "cost")


@dataclass(frozen=True)
class Listing:
    """
    Which jobs are wanted, in which order.

    :param dag: only jobs of this DAG
    :param state: only jobs whose task is in these states: one of the keys of `STATES`
    :param search: only jobs with this text in the id of the DAG, run or task, in the name of the function or of the
        backend, or at the beginning of the executor id; in upper or lower case
    :param sort: one of `SORTS`
    :param descending: whether to reverse the order
    :param limit: how many task instances at most
    :param offset: how many to leave out before these
    """

    dag: str | None = None
    state: str | None = None
    search: str = ""
    sort: str = "sent"
    descending: bool = True
    limit: int = 25
    offset: int = 0


@dataclass(frozen=True)
class ListedTask:
    """
    A row of the list: a task instance with its jobs.

    :param record: the task instance
    :param summaries: what `answers.summary` returns for each of its jobs that has a summary, by phase
    """

    record: TaskRecord
    summaries: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON."""
        return {
            "task": answers.task_value(self.record),
            "jobs": {phase: answers.job_value(self.record, phase) for phase in self.record.jobs},
            "summaries": self.summaries,
            "problem": self.record.problem,
        }


def list_tasks(session: Session, readable: Collection[str], wanted: Listing) -> tuple[list[ListedTask], bool]:
    """
    Returns the task instances whose jobs are wanted, and whether there are more.

    :param session: a session of Airflow's database
    :param readable: the DAGs that the user may read
    :param wanted: which jobs
    """
    dag_ids = readable if wanted.dag is None else set(readable) & {wanted.dag}
    states = None if wanted.state is None else STATES[wanted.state]
    by_database = wanted.sort == "sent" and wanted.descending and not wanted.search
    if by_database:
        records = recent_tasks(session, dag_ids, wanted.limit + 1, wanted.offset, states)
        found = _with_summaries(session, records)
    else:
        records = recent_tasks(session, dag_ids, LOOKED_AT, 0, states)
        matching = [record for record in records if _matches(record, wanted.search.casefold())]
        found = _sorted(_with_summaries(session, matching), wanted)[wanted.offset :]
    return found[: wanted.limit], len(found) > wanted.limit


def list_runs(session: Session, key: TaskKey) -> list[ListedTask]:
    """
    Returns the last runs of a task, to be compared with each other.

    :param session: a session of Airflow's database
    :param key: the key of an instance of the task
    """
    return _with_summaries(session, runs_of_task(session, key, _RUNS))


def _with_summaries(session: Session, records: list[TaskRecord]) -> list[ListedTask]:
    known = summaries_of(session, records)
    rows = []
    for record in records:
        run = record.key.dag_id, record.key.run_id
        found = {phase: answers.summary(known.get((*run, job.executor_id))) for phase, job in record.jobs.items()}
        rows.append(ListedTask(record, {phase: entry for phase, entry in found.items() if entry is not None}))
    return rows


def _matches(record: TaskRecord, text: str) -> bool:
    names = [record.key.dag_id, record.key.run_id, record.key.task_id]
    names += [name for job in record.jobs.values() for name in (job.function, job.backend)]
    return any(text in name.casefold() for name in names) or any(
        job.executor_id.startswith(text) for job in record.jobs.values()
    )


def _sorted(rows: list[ListedTask], wanted: Listing) -> list[ListedTask]:
    """Sorts rows. Rows without the value to sort by come last, in either order."""
    known, unknown = [], []
    for row in rows:
        key = _sort_key(row, wanted.sort)
        if key is None:
            unknown.append(row)
        else:
            known.append((key, row))
    known.sort(key=lambda entry: entry[0], reverse=wanted.descending)
    return [row for _, row in known] + unknown


def _sort_key(row: ListedTask, sort: str) -> Any:
    jobs = row.record.jobs.values()
    if sort == "sent":
        return max((job.created for job in jobs), default=None)
    if sort == "task":
        return row.record.key.dag_id, row.record.key.task_id
    if sort == "items":
        return sum(job.items for job in jobs)
    if sort == "cost":
        costs = [entry["cost"]["estimate"] for entry in row.summaries.values() if "cost" in entry]
    else:
        name = "failed" if sort == "failed" else "wall_seconds"
        costs = [entry[name] for entry in row.summaries.values() if name in entry]
    return sum(costs) if costs else None
