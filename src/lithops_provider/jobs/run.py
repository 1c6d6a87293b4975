"""Drives a job: sends its items, follows them, gathers the outcomes, and sends again what came back unrun."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.clean import clean_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow import Follower, Progress, follow
from lithops_provider.jobs.gather import find_missing, gather_outcomes
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.outcome import Failure, load_results, make_failure
from lithops_provider.jobs.planning import BatchSize
from lithops_provider.jobs.remote.results import Outcome
from lithops_provider.jobs.spec import JobSpec
from lithops_provider.jobs.submit import Record, new_job, submit_round

logger = logging.getLogger(__name__)


@dataclass
class JobRun:
    """
    A job on its way.

    :param client: where it runs
    :param spec: what it does
    :param record: called with the job's value before each submission, to store it
    :param on_progress: called after each poll, with the counts of the whole job
    :param poll_interval: seconds between polls; None for Lithops's ``monitoring_interval``
    :param job_timeout: seconds for the whole job, or None
    """

    client: LithopsClient
    spec: JobSpec
    record: Record | None = None
    on_progress: Callable[[Progress], None] = lambda progress: None
    poll_interval: float | None = None
    job_timeout: float | None = None
    job: LithopsJob = field(init=False)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    _plan: list[Sequence[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.job = new_job(self.client, self.spec)

    def submit(self) -> LithopsJob:
        """
        Sends all items.

        :returns: the job's value, from which any process can go on
        """
        self._send(None, None)
        return self.job

    def finish(self, *, read_results: bool = True) -> None:
        """
        Follows the job until every item has an outcome.

        :param read_results: if False, outcomes are only read when there are failures to tell of
        :raises JobTimeoutError: ``job_timeout`` has passed
        :raises StorageUnavailableError: the storage doesn't answer
        """
        deadline = None if self.job_timeout is None else time.monotonic() + self.job_timeout
        while True:
            follower = Follower(self.client, self.job, self._interval())
            last = follow(follower, self._report, deadline)
            if not read_results and last.done >= last.total and not last.failed and not self.outcomes:
                return
            indices, batch_size = self._collect(follower.lost)
            if not indices:
                return
            self._send(indices, batch_size)

    def results(self) -> list[Any]:
        """Returns the results in the order of the items, None where one failed. To be called after `finish`."""
        results, broken = load_results(self.outcomes[index] for index in range(self.job.items))
        for outcome in broken:
            self.outcomes[outcome.item] = outcome
        return results

    def failures(self) -> list[Failure]:
        """Returns the failures, in the order of the items. To be called after `results`, which may find more."""
        failed = (self.outcomes[index] for index in sorted(self.outcomes) if self.outcomes[index].failure)
        return [make_failure(outcome, self.spec.items[outcome.item]) for outcome in failed]

    def cancel(self) -> None:
        """Stops the job."""
        cancel_job(self.client, self.job)

    def clean(self) -> None:
        """Deletes the job's data."""
        clean_job(self.client, self.job)

    def _interval(self) -> float:
        return self.poll_interval or float(self.client.config["lithops"]["monitoring_interval"])

    def _send(self, indices: Sequence[int] | None, batch_size: BatchSize | None) -> None:
        self.job, self._plan = submit_round(self.client, self.job, self.spec, indices, batch_size, self.record)

    def _report(self, progress: Progress) -> None:
        before = len(self.outcomes)
        failed = sum(outcome.failure is not None for outcome in self.outcomes.values()) if before else 0
        self.on_progress(
            Progress(
                total=self.job.items,
                done=before + progress.done,
                failed=failed + progress.failed,
                calls=progress.calls,
                started=progress.started,
                ended=progress.ended,
            )
        )

    def _collect(self, lost: str | None) -> tuple[list[int], BatchSize | None]:
        """
        Takes in a round's outcomes.

        :returns: the items to send again, and how many to a call: those a call had no time for as before, but one by
            one if a call died and took others with it, so that the next time the culprit is alone
        """
        self.outcomes.update(gather_outcomes(self.client, self.job))
        again: list[int] = []
        batch_size: BatchSize | None = None
        for group in find_missing(self.client, self.job, self._plan, self.outcomes, lost):
            if group.reason is not None and (group.alone or lost is not None):
                for index in group.indices:
                    self.outcomes[index] = Outcome(index, None, group.reason, 0.0, 0.0, 0, "")
                continue
            if group.reason is not None:
                batch_size = 1
                logger.warning(
                    "A call died with %d item(s) unfinished, which are run again one by one: %s",
                    len(group.indices), group.reason["message"],
                )  # fmt: skip
            again += group.indices
        return sorted(again), batch_size
