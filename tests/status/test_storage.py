"""A job is shown where it belongs, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.status.records import TaskKey
from lithops_provider.status.storage import check_owned
from tests.status.instances import KEY, sent_by_a_try, try_of


@pytest.fixture
def job(client: LithopsClient) -> LithopsJob:
    return sent_by_a_try(client)


def test_it_is_its_tasks_in_every_try(client: LithopsClient, job: LithopsJob) -> None:
    check_owned(client, job, KEY)
    set_owner(client, job, try_of(KEY, 2))
    check_owned(client, job, KEY)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, dag_id="other"),
        replace(KEY, run_id="other"),
        replace(KEY, task_id="task"),
        replace(KEY, map_index=4),
        replace(KEY, map_index=-1),
        replace(KEY, dag_id='dag", "run", "group.task", 3, "'),
    ],
    ids=str,
)
def test_it_is_no_other_tasks(client: LithopsClient, job: LithopsJob, other: TaskKey) -> None:
    with pytest.raises(InvalidInputError, match="is not one of task"):
        check_owned(client, job, other)


def test_a_value_with_other_items_is_refused(client: LithopsClient, job: LithopsJob) -> None:
    """Each item that is believed in costs the server memory."""
    with pytest.raises(InvalidInputError, match=r"has 4 item\(s\), not 50000000"):
        check_owned(client, replace(job, items=50_000_000), KEY)


def test_objects_without_an_owner_are_nobodys(client: LithopsClient, job: LithopsJob) -> None:
    client.put(job.owner_key, b"torn")
    with pytest.raises(InvalidInputError, match="nothing in storage says"):
        check_owned(client, job, KEY)
    client.delete(job.bucket, [job.owner_key])
    with pytest.raises(InvalidInputError, match="nothing in storage says"):
        check_owned(client, job, KEY)
    client.delete(job.bucket, [job.plan_key()])
    check_owned(client, job, KEY)
    with pytest.raises(InvalidInputError, match="nothing in storage says"):
        check_owned(client, replace(job, items=50_000_000), KEY)
