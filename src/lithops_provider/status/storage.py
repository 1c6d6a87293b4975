"""
Opens the storage of a job where no task runs: in Airflow's servers (`ui/`) and on its command line (`cli/`). It also
checks that the job is the task's, since job values come from XComs, which users can write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.models.connection import Connection
from airflow.utils.session import create_session

from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.follow.owner import read_owner
from lithops_provider.status.settings import task_settings
from lithops_provider.task.owner import is_try_of

if TYPE_CHECKING:
    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.status.records import TaskKey

#: If a job's data is gone, its value can't be checked. A value with more items than this is refused then.
_MOST_GONE = 1_000_000


class _ServersHook(LithopsHook):
    """The hook in Airflow's servers, which get connections from the secrets backends and the database themselves."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        return Connection.get_connection_from_secrets(conn_id)


def connect(settings: ConnectionSettings, patience: float = 0.0) -> LithopsClient:
    """
    Returns the client for a storage.

    :param settings: a task's settings, read from where users can't write; never from an XCom
    :param patience: seconds for which a failing request is repeated
    :raises ConfigurationError: the connection is missing, or wrong
    """
    from lithops_provider.jobs.client import LithopsClient

    return LithopsClient(_ServersHook.from_settings(settings).get_config(), patience=patience)


def open_job(key: TaskKey, job: LithopsJob) -> LithopsClient:
    """
    Returns the client for the storage of a task's job. The job's value is from an XCom, so it is checked against the
    task's settings and against what the task has stored.

    :param key: the key of the task instance
    :param job: its value
    :raises LithopsJobError: the job isn't the task's, or its storage can't be opened
    """
    with create_session() as session:
        settings = task_settings(session, key)
    client = connect(settings)
    client.check_holds(job)
    check_owned(client, job, key)
    return client


def check_owned(client: LithopsClient, job: LithopsJob, key: TaskKey) -> None:
    """
    Checks that a job belongs to a task. A job whose data was deleted passes, since there is nothing left to show.

    :param client: where it is
    :param job: its value
    :param key: the key of the task instance
    :raises InvalidInputError: the job is another task's, or has another number of items
    """
    known = read_owner(client, job)
    if known is None:
        if client.keys(job.bucket, job.prefix) or job.items > _MOST_GONE:
            raise InvalidInputError(f"nothing in storage says that job {job.executor_id} is one of task {key.task_id}")
        return
    if not is_try_of(known.owner, key):
        raise InvalidInputError(f"job {job.executor_id} is not one of task {key.task_id}: another has sent it")
    if known.items != job.items:
        raise InvalidInputError(
            f"job {job.executor_id} has {known.items} item(s), not {job.items}: its value was changed"
        )
