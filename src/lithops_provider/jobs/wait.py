"""
Waits for a job that another process sent, and gathers its results. All that is needed is the job's value. Unlike
`JobRun`, nothing here sends items again. The hook, sensors, and jobs that take another job's results call it.
"""

from __future__ import annotations

import time
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import ItemsFailedError, StorageUnavailableError
from lithops_provider.jobs.follow.follower import Follower, Progress, follow
from lithops_provider.jobs.follow.processes import runner_is_gone
from lithops_provider.jobs.gather.failures import failure_message, load_results, make_failure, too_many
from lithops_provider.jobs.gather.outcomes import find_missing, gather_outcomes
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.outcomes import Outcomes, lost_outcome
from lithops_provider.jobs.submit.plan import load_items, load_plan


def look_at_job(client: LithopsClient, job: LithopsJob) -> tuple[bool, Progress]:
    """
    Looks at a job once, without waiting.

    :param client: where it runs
    :param job: its value
    :returns: whether its last round is over, and how far it is
    """
    _check_can_be_looked_at(client, job)
    gone = runner_is_gone(job)  # asked before the listing, so that the listing has all that the runner wrote
    follower = Follower(client, job, 1.0)
    progress = follower.poll()
    return follower.over or gone, progress


def wait_for_job(
    client: LithopsClient, job: LithopsJob, *, poll_interval: float | None = None, timeout: float | None = None
) -> Progress:
    """
    Waits until the last round of a job is over.

    :param client: where it runs
    :param job: its value
    :param poll_interval: seconds between looks; None for Lithops's ``monitoring_interval``
    :param timeout: seconds to wait at most
    :raises JobTimeoutError: it isn't over by then; the job itself goes on
    """
    _check_can_be_looked_at(client, job)
    interval = poll_interval or float(client.config["lithops"]["monitoring_interval"])
    deadline = None if timeout is None else time.time() + timeout
    return follow(Follower(client, job, interval), lambda progress: None, deadline)


def gather_results(client: LithopsClient, job: LithopsJob, *, min_success_ratio: float = 1.0) -> list[Any]:
    """
    Returns the results of a job that is over, in the order of its items, None where one failed.

    :param client: where it ran
    :param job: its value
    :param min_success_ratio: share of items that have to have succeeded
    :raises ItemsFailedError: fewer have, or some never ran
    :raises StorageUnavailableError: the job's data is gone
    """
    outcomes = _read_outcomes(client, job, results=True)
    results, broken = load_results(outcomes.values())
    for outcome in broken:
        outcomes.replace(outcome)
    _judge(client, job, outcomes, min_success_ratio)
    return results


def check_results(client: LithopsClient, job: LithopsJob, *, min_success_ratio: float = 1.0) -> None:
    """
    Checks that enough items of a job succeeded, without reading its results: they may be large, or of classes that this
    process can't import. It has the parameters of `gather_results`, and raises the same errors.
    """
    _judge(client, job, _read_outcomes(client, job, results=False), min_success_ratio)


def _check_can_be_looked_at(client: LithopsClient, job: LithopsJob) -> None:
    client.check_holds(job)
    if not job.rounds:
        raise StorageUnavailableError(f"nothing of job {job.executor_id} was sent: its value has no rounds")


def _read_outcomes(client: LithopsClient, job: LithopsJob, *, results: bool) -> Outcomes:
    _check_can_be_looked_at(client, job)
    plan = load_plan(client, job)
    if plan is None:
        raise StorageUnavailableError(f"the data of job {job.executor_id} is gone from {job.storage}://{job.bucket}")
    outcomes = Outcomes()
    for number in range(len(job.rounds)):
        outcomes.update(gather_outcomes(client, job, number, results=results))
    for group in find_missing(client, job, plan, outcomes, "it is not over, or it died"):
        reason = group.reason or {
            "type": "NotRunError",
            "message": "its call had no time left for it, or what it stored is damaged, and nobody was there to send "
            "it again",
        }
        outcomes.add(lost_outcome(index, reason) for index in group.indices)
    unknown = {"type": "CallLostError", "message": "it has no outcome"}
    outcomes.add(lost_outcome(index, unknown) for index in range(job.items) if index not in outcomes)
    return outcomes


def _judge(client: LithopsClient, job: LithopsJob, outcomes: Outcomes, min_success_ratio: float) -> None:
    failed = outcomes.failed
    if not too_many(len(failed), job.items, min_success_ratio):
        return
    blobs = load_items(client, job)
    if blobs is None:
        raise StorageUnavailableError(f"the items of job {job.executor_id} are gone from {job.storage}://{job.bucket}")
    failures = [make_failure(outcomes[index], blobs[index]) for index in failed]
    message = failure_message(job.function, failures, job.items, f"job {job.executor_id}", min_success_ratio)
    raise ItemsFailedError(message, failures, job.items)
