"""
Waits for a job that another process sent, and gathers its results. All that is needed is the job's value. Unlike
`JobRun`, nothing here sends items again. The hook, sensors, and jobs that take another job's results call it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import Failure, ItemsFailedError, JobTimeoutError, StorageUnavailableError
from lithops_provider.jobs.follow.follower import Follower, Progress, follow, pause
from lithops_provider.jobs.follow.processes import runner_is_gone
from lithops_provider.jobs.gather.arrivals import Arrivals
from lithops_provider.jobs.gather.failures import (
    failure_message,
    load_all_results,
    load_results,
    make_failure,
    too_many,
)
from lithops_provider.jobs.gather.outcomes import find_missing, gather_outcomes
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.frames import ItemBlocks
from lithops_provider.jobs.remote.outcomes import Outcome, Outcomes, lost_outcome
from lithops_provider.jobs.submit.plan import load_items, load_plan

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.output import ItemFailure

#: Results of a part that `iter_results` unpickles at a time.
_UNPICKLED = 100


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
    Returns the results of a job that is over, in the order of its items, with None for an item that failed.

    :param client: where it ran
    :param job: its value
    :param min_success_ratio: share of items that have to have succeeded
    :raises ItemsFailedError: fewer items have succeeded
    :raises StorageUnavailableError: the job's data is gone
    """
    outcomes = _read_outcomes(client, job, results=True)
    results = load_all_results(outcomes, job.items)
    _check_enough(client, job, outcomes, min_success_ratio)
    return results


def check_results(client: LithopsClient, job: LithopsJob, *, min_success_ratio: float = 1.0) -> None:
    """
    Checks that enough items of a job succeeded, without reading its results: they may be large, or of classes that this
    process can't import. It has the parameters of `gather_results`, and raises the same errors.
    """
    _check_enough(client, job, _read_outcomes(client, job, results=False), min_success_ratio)


def iter_results(
    client: LithopsClient,
    job: LithopsJob,
    *,
    throw_except: bool = True,
    poll_interval: float | None = None,
    timeout: float | None = None,
) -> Iterator[tuple[int, Any]]:
    """
    Yields the index and the result of each item as calls store them, every few seconds, until the job is over. Each
    item is yielded once; the order is that in which they arrive. Only a few parts of the results are in memory at a
    time.

    :param client: where the job runs
    :param job: its value
    :param throw_except: whether the first item that failed ends the iteration with an error; if not, a `Failure` is
        yielded in the place of the item's result
    :param poll_interval: seconds between looks; None for Lithops's ``monitoring_interval``
    :param timeout: seconds to wait at most for the job to be over, from the first result that is asked for
    :raises ItemsFailedError: an item failed, or never ran
    :raises JobTimeoutError: the job isn't over by then; it goes on
    :raises StorageUnavailableError: the job's data is gone
    """
    _check_can_be_looked_at(client, job)
    if load_plan(client, job) is None:
        raise _gone(job)
    interval = poll_interval or float(client.config["lithops"]["monitoring_interval"])
    return _results_of(_stored_outcomes(client, job, interval, timeout), _FailureMaker(client, job, throw_except))


def _stored_outcomes(
    client: LithopsClient, job: LithopsJob, interval: float, timeout: float | None
) -> Iterator[list[Outcome]]:
    """Yields the outcomes of a job as they are stored, and at its end those of items whose call never stored any."""
    deadline = None if timeout is None else time.monotonic() + timeout
    arrivals = Arrivals(client, job)
    for number in range(len(job.rounds) - 1):  # what failed in these was sent again
        yield from arrivals.take(client.keys(job.bucket, f"{job.round_prefix(number)}/"), failures=False)
    follower = Follower(client, job, interval)
    while True:
        progress = follower.poll()
        yield from arrivals.take((key for call in follower.calls.values() for key in call.parts), failures=True)
        if follower.over:
            break
        if deadline is not None and time.monotonic() > deadline:
            raise JobTimeoutError(
                f"job {job.executor_id} is not over after {timeout:g} s: {progress.done} of {progress.total} items are "
                "done; it goes on"
            )
        left = follower.delay if deadline is None else min(follower.delay, max(deadline - time.monotonic(), 0.0))
        pause(left, lambda: False)
    # A call may have replaced a part between the last listing and the reading.
    yield from arrivals.take(client.keys(job.bucket, f"{job.round_prefix()}/"), failures=True)
    missing = arrivals.missing()
    if missing:
        outcomes = _read_outcomes(client, job, results=False)
        yield [outcomes[index] for index in missing]


class _FailureMaker:
    """
    Makes a `Failure` of the outcome of an item that failed, for `iter_results`; or raises it as an error.

    :param client: where the job runs
    :param job: its value
    :param throw_except: whether to raise
    """

    def __init__(self, client: LithopsClient, job: LithopsJob, throw_except: bool) -> None:
        self._client = client
        self._job = job
        self._throw_except = throw_except
        self._items = ItemBlocks()

    def __call__(self, outcome: Outcome) -> Failure:
        if not self._items:  # read only once an item has failed
            self._items = _load_items(self._client, self._job)
        failure = make_failure(outcome, self._items)
        if self._throw_except:
            job = self._job
            message = failure_message(job.function, [failure], job.items, f"job {job.executor_id}, as far as it is")
            raise ItemsFailedError(message, [failure], job.items)
        return failure


def _results_of(stored: Iterator[list[Outcome]], as_failure: _FailureMaker) -> Iterator[tuple[int, Any]]:
    for outcomes in stored:
        for start in range(0, len(outcomes), _UNPICKLED):
            some = outcomes[start : start + _UNPICKLED]
            values, broken = load_results(some)
            failed = {outcome.item: outcome for outcome in (*some, *broken) if outcome.failure is not None}
            for outcome, value in zip(some, values, strict=True):
                yield outcome.item, as_failure(failed[outcome.item]) if outcome.item in failed else value


def _load_items(client: LithopsClient, job: LithopsJob) -> ItemBlocks:
    items = load_items(client, job)
    if items is None:
        raise StorageUnavailableError(f"the items of job {job.executor_id} are gone from {job.storage}://{job.bucket}")
    return items


def _gone(job: LithopsJob) -> StorageUnavailableError:
    return StorageUnavailableError(f"the data of job {job.executor_id} is gone from {job.storage}://{job.bucket}")


def _check_can_be_looked_at(client: LithopsClient, job: LithopsJob) -> None:
    client.check_holds(job)
    job.check_sent()


def _read_outcomes(client: LithopsClient, job: LithopsJob, *, results: bool) -> Outcomes:
    _check_can_be_looked_at(client, job)
    plan = load_plan(client, job)
    if plan is None:
        raise _gone(job)
    outcomes = Outcomes()
    for number in range(len(job.rounds)):
        outcomes.update(gather_outcomes(client, job, number, results=results))
    for group in find_missing(client, job, plan, outcomes, "it is not over, or it died"):
        reason: ItemFailure = group.reason or {
            "type": "NotRunError",
            "message": "its call had no time left for it, or what it stored is damaged, and nobody was there to send "
            "it again",
        }
        outcomes.add(lost_outcome(index, reason) for index in group.indices)
    unknown: ItemFailure = {"type": "CallLostError", "message": "it has no outcome"}
    outcomes.add(lost_outcome(index, unknown) for index in outcomes.missing(range(job.items)))
    return outcomes


def _check_enough(client: LithopsClient, job: LithopsJob, outcomes: Outcomes, min_success_ratio: float) -> None:
    """Raises if more items have failed than ``min_success_ratio`` allows."""
    failed = outcomes.failed
    if not too_many(len(failed), job.items, min_success_ratio):
        return
    items = _load_items(client, job)
    failures = [make_failure(outcomes[index], items) for index in failed]
    message = failure_message(job.function, failures, job.items, f"job {job.executor_id}", min_success_ratio)
    raise ItemsFailedError(message, failures, job.items)
