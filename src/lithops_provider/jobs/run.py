"""
Drives a job: sends its items, follows them, gathers the outcomes, and sends items again where that is needed. A task's
run (`task/run.py`) and scripts use it. A process that only waits for a job which another drives uses wait.py.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.clean import clean_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import Failure, ItemsFailedError, JobCancelledError, LithopsJobError
from lithops_provider.jobs.follow.follower import Follower, Progress, follow, pause
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.follow.processes import is_local
from lithops_provider.jobs.follow.states import STOPPED, RoundEnd, RunState
from lithops_provider.jobs.gather.failures import failure_message, is_final, load_all_results, make_failure
from lithops_provider.jobs.gather.outcomes import begun_calls, find_missing, gather_outcomes
from lithops_provider.jobs.inputs.reductions import MAP, REDUCE, Reduction
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import BEGIN_NOTHING, LOST
from lithops_provider.jobs.remote.outcomes import Outcome, Outcomes, lost_outcome
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.submit.batching import BatchSize
from lithops_provider.jobs.submit.cache.rounds import count_cached, send_cached, store_results
from lithops_provider.jobs.submit.plan import load_plan
from lithops_provider.jobs.submit.send import Record, new_job, submit_round
from lithops_provider.jobs.submit.spec import JobSpec, Options, make_spec

logger = logging.getLogger(__name__)

#: Seconds before failed items are sent again: the first delay, which doubles each time, and the longest.
_RETRY_DELAY = (1.0, 30.0)

#: After so many rounds in a row whose processes were gone before any call had begun, nothing is sent again.
_FRUITLESS_ROUNDS = 3


@dataclass
class JobRun:
    """
    A job that this process waits for. What it knows about outcomes, another process can read from storage again; all
    else that one needs to go on is in `job` and `state`.

    :param client: where it runs
    :param spec: what it does
    :param record: called with the job's value before each round is sent, to store it where another process finds it
    :param on_progress: called after each poll, with the counts of the whole job
    :param poll_interval: seconds between polls; None for Lithops's ``monitoring_interval``
    :param deadline: seconds since the epoch at which the job is given up, or None
    :param item_retries: how often a failed item is sent again
    :param max_runtime_memory: MB up to which the memory is doubled for items that ran out of it
    :param owner: who waits for the job, see `lithops_provider.jobs.follow.owner.set_owner`
    :param read_results: whether to read the results; if not, they stay in storage, and `results` can't return them
    """

    client: LithopsClient
    spec: JobSpec
    record: Record | None = None
    on_progress: Callable[[Progress], None] = lambda progress: None
    poll_interval: float | None = None
    deadline: float | None = None
    item_retries: int = 0
    max_runtime_memory: int | None = None
    owner: str | None = None
    read_results: bool = True
    job: LithopsJob = field(init=False)
    outcomes: Outcomes = field(default_factory=Outcomes, init=False)
    #: How often each item has failed in this try.
    attempts: Counter[int] = field(default_factory=Counter, init=False)
    #: Number of the first round of this try of the task: what failed in earlier tries is always sent again.
    since: int = field(default=0, init=False)
    #: Whether the job was cancelled, so that no further round is sent.
    cancelled: bool = field(default=False, init=False)
    #: MB of memory for the next round, if it was raised; None for the options' own.
    memory: int | None = field(default=None, init=False)
    #: How many items have taken their results from the cache.
    cached: int = field(default=0, init=False)
    #: Counts of the whole job at the last look.
    progress: Progress | None = field(default=None, init=False)
    _interrupted_round: int | None = field(default=None, init=False)
    #: The items of each call of the last round, if this process has sent it.
    _plan: list[Sequence[int]] | None = field(default=None, init=False)

    def submit(self) -> LithopsJob:
        """
        Sends all items, but those that have their results in the cache.

        :returns: the job's value, from which any process can go on
        """
        self.job = new_job(self.client, self.spec)
        self._claim()
        left = self._take_cached() if self.spec.options.cache else None
        if left is None or left:
            self._send(left, None)
        return self.job

    def _take_cached(self) -> list[int] | None:
        """Takes over the results that are in the cache, and returns the items without one; None if none has one."""

        def record(job: LithopsJob) -> None:
            self.cached = job.rounds[0].items
            self._recorded(job)

        self.job = send_cached(self.client, self.job, self.spec, record)
        if not self.job.rounds:
            return None
        self._take(self._gather(), 0)
        return self.outcomes.missing(range(self.job.items))

    def attach(self, job: LithopsJob, state: RunState | None = None) -> None:
        """
        Goes on with a job that this or another process has sent.

        :param job: its value
        :param state: the `state` of the run that was deferred in this try of the task; None if this try hasn't sent
            anything yet, so that everything that has failed is sent again
        """
        self.job = job
        state = RunState(len(job.rounds)) if state is None else state
        self.since, self.memory = state.since, state.memory
        self._claim()
        for number in range(len(job.rounds) - 1):
            self._take(self._gather(number), number)
        self.cached = count_cached(self.client, job) if self.spec.options.cache else 0
        if not is_local(job) and self.client.get(job.bucket, job.sent_key()) is None:
            # Whoever sent this round was interrupted, so some calls may never have been sent. Calls that haven't begun
            # are kept from beginning: their items are sent again, and must not run twice.
            self.client.put(job.stop_key(), BEGIN_NOTHING)
            self._interrupted_round = len(job.rounds)

    @property
    def state(self) -> RunState:
        """What another process has to know to go on with the job in this try of the task."""
        return RunState(self.since, self.memory)

    def finish(self, enough: Callable[[], bool] = lambda: False) -> bool:
        """
        Follows the job until every item has its final outcome.

        :param enough: called while it waits; once it returns True, this method returns
        :returns: whether every item has its final outcome
        :raises JobTimeoutError: the deadline has passed
        :raises JobCancelledError: `cancel` was called
        :raises StorageUnavailableError: the storage doesn't answer
        """
        while True:
            follower = self.follower()
            follow(follower, self._report, self.deadline, lambda: self.cancelled or enough())
            if self.cancelled:
                raise JobCancelledError(f"job {self.job.executor_id} was cancelled")
            if not follower.over:
                self._report(follower.poll())  # the last look may be a poll interval old, and the round over by now
                if not follower.over:
                    return False
            if not self.settle(follower.end):
                return True

    def follower(self) -> Follower:
        """Returns a new follower of the last round."""
        interval = self.poll_interval or float(self.client.config["lithops"]["monitoring_interval"])
        return Follower(self.client, self.job, interval, interrupted=self.interrupted)

    @property
    def interrupted(self) -> bool:
        """Whether the submission of the last round was interrupted."""
        return self._interrupted_round == len(self.job.rounds)

    def settle(self, end: RoundEnd) -> bool:
        """
        Gathers the outcomes of the last round, and sends another round if it is needed. The next round has the items
        for which a call had no time left, those of calls that died before they began, those that were unfinished when
        their call died, and, as far as ``item_retries`` allows, those that failed.

        :param end: how the round ended
        :returns: whether another round was sent
        :raises JobCancelledError: somebody has cancelled the job, and another round is needed, or calls didn't report
        """
        number = len(self.job.rounds) - 1
        if end.lost == STOPPED:
            self._check_not_stopped(number)
        found = self._gather()
        plan = self._plan or load_plan(self.client, self.job) or [range(self.job.items)]
        # Cached results are a round of their own, the first. If it is the only one, its sender may have ended before it
        # sent the other items.
        alone = number == 0 and self.job.rounds[0].items < self.job.items
        unrun = found.missing(range(self.job.items)) if alone else []
        orphaned: list[int] = []
        given_up: list[Outcome] = []
        for group in find_missing(self.client, self.job, plan, found, end.lost):
            if group.reason is None or (end.dead and not group.begun and self._begins()):
                unrun += group.indices
            elif group.alone or (end.lost is not None and not (end.dead and group.begun)):
                given_up += [lost_outcome(index, group.reason) for index in group.indices]
            else:
                orphaned += group.indices
                logger.warning(
                    "A call died with %d item(s) unfinished, which are run again one by one: %s",
                    len(group.indices),
                    group.reason["message"],
                )
        self._store_lost(given_up)
        found.add(given_up)
        self._take(found, number)
        retried = [
            index
            for index in self.outcomes.failed
            if self.attempts[index] <= self.item_retries and not is_final(self.outcomes[index])
        ]
        again = sorted({*unrun, *orphaned, *retried})
        if not again:
            self._store_results()
            return False
        self._check_not_stopped(number)
        self._prepare_retry(retried)
        self._send(again, 1 if orphaned else None)
        return True

    def _store_results(self) -> None:
        """Puts the results into the cache, if wanted. The job is done all the same if that fails."""
        if not self.spec.options.cache:
            return
        try:
            store_results(self.client, self.job, self.spec)
        except LithopsJobError:
            logger.warning("The results of job %s could not be cached", self.job.executor_id, exc_info=True)

    def results(self, keep: bool = True) -> list[Any]:
        """
        Returns the results in the order of the items, with None for one that failed. Call it after `finish`.

        :param keep: whether what was read from the storage is kept, so that this can be called again
        """
        return load_all_results(self.outcomes, self.job.items, keep)

    def failures(self) -> list[Failure]:
        """Returns the failures in the order of the items. Call it after `results`, which may find more."""
        return [make_failure(self.outcomes[index], self.spec.items) for index in self.outcomes.failed]

    def printed(self) -> Iterator[tuple[int, str]]:
        """Yields the index and the output of each item that printed something, in order. Call it after `finish`."""
        return ((outcome.item, outcome.output) for outcome in self.outcomes.printed())

    def cancel(self) -> bool:
        """
        Stops the job, unless somebody else is its owner by now, and returns whether it did. A signal handler may call
        it while the code that it interrupts waits for the job.
        """
        self.cancelled = True
        if "job" not in vars(self):
            return False  # nothing was sent yet, and nothing will be
        # A client of its own: the interrupted one may hold a lock that only the interrupted code would release.
        return cancel_job(LithopsClient(self.client.config, patience=2.0), self.job, self.owner)

    def clean(self) -> None:
        """Deletes the job's data."""
        clean_job(self.client, self.job)

    def _claim(self) -> None:
        if self.owner is not None:
            set_owner(self.client, self.job, self.owner)

    def _send(self, indices: Sequence[int] | None, batch_size: BatchSize | None) -> None:
        if self.cancelled:
            raise JobCancelledError("the job was cancelled before all of it was sent")
        self.job, self._plan = submit_round(
            self.client, self.job, self.spec, indices, batch_size, self.memory, self._recorded
        )

    def _recorded(self, job: LithopsJob) -> None:
        self.job = job  # set before anything is sent, so that `cancel` reaches all that will be
        if self.record is not None:
            self.record(job)

    def _gather(self, number: int = -1) -> Outcomes:
        return gather_outcomes(self.client, self.job, number, results=self.read_results)

    def _take(self, found: Outcomes, number: int) -> None:
        self.outcomes.update(found)
        if number >= self.since:
            self.attempts.update(found.failed)

    def _check_not_stopped(self, number: int) -> None:
        """Raises if somebody has cancelled the job in this try of the task. Only the next try sends items again."""
        if number >= self.since and self.client.get(self.job.bucket, self.job.stop_key()) is not None:
            self.cancelled = True
            raise JobCancelledError(f"job {self.job.executor_id} was cancelled")

    def _begins(self) -> bool:
        """
        Tells whether it makes sense to send calls again that died before they began. It doesn't if not a single call
        began in the last `_FRUITLESS_ROUNDS` rounds: the machine ends their processes, and would do so again.
        """
        rounds = range(len(self.job.rounds))[-_FRUITLESS_ROUNDS:]
        return len(rounds) < _FRUITLESS_ROUNDS or any(begun_calls(self.client, self.job, number) for number in rounds)

    def _store_lost(self, given_up: list[Outcome]) -> None:
        """Stores failures for items whose call can't report any more, for whoever gathers the job next."""
        if not given_up:
            return
        part = PartBuilder()
        for outcome in given_up:
            part.add_failure(outcome.item, time.time(), 0.0, 0, outcome.failure or {})
        key = part_key(f"{self.job.round_prefix()}/{LOST}", PartName(0, len(given_up), len(given_up)))
        self.client.put(key, part.encode())

    def _prepare_retry(self, retried: Iterable[int]) -> None:
        """Waits, longer with each attempt, and raises the memory of the next round if an item ran out of it."""
        tries = [(self.attempts[index], index) for index in retried]
        if not tries:
            return
        attempt = max(tries)[0]
        first, longest = _RETRY_DELAY
        if attempt:
            delay = min(first * 2 ** (attempt - 1), longest) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            logger.info("Sending %d failed item(s) again in %.1f s", len(tries), delay)
            pause(delay, lambda: self.cancelled)
        if any(_ran_out_of_memory(self.outcomes[index]) for _, index in tries):
            self.memory = self.client.compute.more_memory(
                self.memory or self.spec.options.runtime_memory, self.max_runtime_memory
            )

    def _report(self, progress: Progress) -> None:
        self.progress = replace(
            progress, total=self.job.items, done=min(self.outcomes.succeeded + progress.done, self.job.items)
        )
        self.on_progress(self.progress)


def reduce_job(
    client: LithopsClient, job: LithopsJob, reduction: Reduction, options: Options | None = None, **settings: Any
) -> Any:
    """
    Reduces the results of a job, and returns the result of that. Waits in this process until all phases are over.

    :param client: where the job is
    :param job: its value; it has to be over
    :param reduction: in which way, see `lithops_provider.jobs.inputs.reductions`
    :param options: how the functions are to run
    :param settings: more arguments of `JobRun`
    :raises ItemsFailedError: a call of the reduce function failed
    """
    phase, results = MAP, []
    while phase != REDUCE:
        phase = reduction.next_phase(phase, job)
        spec = make_spec("reduce", reduction.bind(phase), reduction.items(client, phase, job), options)
        if not spec.items:  # as of a reduce by key without a single pair
            return reduction.result([])
        run = JobRun(client, spec, **settings)
        run.submit()
        run.finish()
        job, results = run.job, run.results()
        if failures := run.failures():
            message = failure_message(spec.name, failures, job.items, f"job {job.executor_id}")
            raise ItemsFailedError(message, failures, job.items)
    return reduction.result(results)


def _ran_out_of_memory(outcome: Outcome) -> bool:
    failure = outcome.failure or {}
    killed = failure.get("type") == "ProcessDiedError" and "SIGKILL" in str(failure.get("message"))
    return killed or failure.get("type") == "MemoryError"
