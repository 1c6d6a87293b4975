"""
Follows a job by listing its objects: each poll is one LIST, however many calls there are, and no object is read but the
marker of a round that was stopped. `JobRun`, wait.py and the trigger use it; the page reads states of calls by
`read_calls`.

Lithops's own `wait` isn't used: it cancels the alarm of Airflow's timeouts, drops results that are None, and can hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import JobTimeoutError
from lithops_provider.jobs.follow.processes import runner_is_gone
from lithops_provider.jobs.follow.states import STOPPED, RoundEnd
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import LOST, STATUS, STOP_ALL
from lithops_provider.jobs.remote.parts import parse_part_name

#: Seconds that a backend has to start calls in. If nothing changes for these and the timeout of an item, the round is
#: given up.
START_GRACE = 300.0
#: Seconds for which the ends of calls are waited for once all outcomes are stored; and for which calls that haven't
#: started are waited for if the round's submission was interrupted.
_END_GRACE = 5.0
#: Seconds without a change after which calls of a job that was stopped are not waited for any more. Calls that the
#: backend itself has ended, as Kubernetes does, never report.
STOP_GRACE = 30.0
#: The share of the time that polls may take. Listing many objects takes long, so the delays between polls grow with it.
_DUTY = 0.2
#: Seconds without a change after which the process of a localhost job is looked for.
_SILENCE = 2.0
#: While nothing changes the delay grows by _GROWTH, up to _SLOWEST intervals, so an end is noticed within two.
_GROWTH = 1.2
_SLOWEST = 1.8
#: While a round is young: seconds between polls at least, and the share of its age by which the next poll is delayed.
#: In general, where each poll is a request, and on this machine, where it reads a folder.
_YOUNG = (0.5, 0.3)
_YOUNG_HERE = (0.01, 0.1)
#: Seconds of a single sleep. A signal's handler doesn't end a sleep of Python's; so `pause` sleeps in short pieces, and
#: looks in between whether the handler wants it to end.
_NAP = 0.2


@dataclass
class CallState:
    """
    The state of a call, as a listing of its objects tells it.

    :param started: whether the call has started
    :param ended: whether it has reported its end
    :param done: how many of its items have an outcome
    :param failed: how many of these failed
    :param parts: the keys of its parts
    """

    started: bool = False
    ended: bool = False
    done: int = 0
    failed: int = 0
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """
    Counts that say how far a round is.

    :param total: all items
    :param done: items with an outcome
    :param failed: items with an outcome that failed
    :param calls: all calls
    :param started: calls that have started
    :param ended: calls that have reported their end
    """

    total: int
    done: int
    failed: int
    calls: int
    started: int
    ended: int


def read_calls(keys: list[str], prefix: str) -> dict[str, CallState]:
    """
    Returns the state of a round's calls, as the keys of its objects tell it.

    :param keys: all keys under ``prefix``
    :param prefix: from `LithopsJob.round_prefix`
    :returns: the state by call id
    """
    calls: dict[str, CallState] = {}
    for key in keys:
        if not key.startswith(f"{prefix}/"):
            continue
        call_id, _, name = key[len(prefix) + 1 :].partition("/")
        if not name or call_id == LOST:
            continue
        state = calls.setdefault(call_id, CallState())
        state.started = True
        if name == STATUS:
            state.ended = True
        elif (part := parse_part_name(name)) is not None:
            state.parts.append(key)
            if part.done >= state.done:
                state.done, state.failed = part.done, part.failed
    return calls


class Follower:
    """
    Follows the last round of a job. `poll` makes one request; the caller decides when to call it again, see `delay`.

    :param client: where the job runs
    :param job: the job
    :param poll_interval: seconds between polls while things change; longer while nothing does
    :param interrupted: whether the round's submission was interrupted; then only calls that have started are waited
        for, since the others are kept from beginning
    """

    def __init__(
        self, client: LithopsClient, job: LithopsJob, poll_interval: float, *, interrupted: bool = False
    ) -> None:
        self.client = client
        self.job = job
        self.round = job.rounds[-1]
        self.prefix = job.round_prefix()
        self.poll_interval = poll_interval
        self.delay = poll_interval
        self.calls: dict[str, CallState] = {}
        self.over = False
        self.end = RoundEnd()
        self._interrupted = interrupted
        self._begin = self._changed = time.monotonic()
        self._all_done: float | None = None
        self._stopped: float | None = None

    def poll(self) -> Progress:
        """
        Looks once, and returns the counts. Afterwards `over` says whether the round has ended, `end` how it has, and
        `delay` how many seconds to wait before the next poll.
        """
        begin = time.monotonic()
        gone = self._runner_is_gone(begin)  # before the listing, which so has all that a runner that is gone wrote
        keys = self.client.keys(self.job.bucket, f"{self.prefix}/")
        calls = read_calls(keys, self.prefix)
        changed = calls != self.calls
        self.calls = calls
        now = time.monotonic()
        progress = self._progress()
        if self._stopped is None and self._is_stopped(keys):
            self._stopped = now
        if changed:
            self._changed = now
            self.delay = self.poll_interval
        else:
            self.delay = min(self.delay * _GROWTH, self.poll_interval * _SLOWEST)
        self.delay = max(self.delay, (now - begin) / _DUTY)
        self._decide_whether_over(progress, now, gone)
        return progress

    @property
    def soon(self) -> float:
        """
        Seconds to wait before the next poll, for a thread or process that does nothing but wait for jobs. That is less
        than `delay` while the round is young, so that the end of a short job is noticed soon.
        """
        least, share = _YOUNG_HERE if self.client.storage_backend == "localhost" else _YOUNG
        age = time.monotonic() - self._begin
        return min(self.delay, max(least, age * share))

    def _runner_is_gone(self, now: float) -> bool:
        """Tells whether the process of a localhost job is gone; only looks for it after `_SILENCE` without a change."""
        return now - self._changed > _SILENCE and runner_is_gone(self.job)

    def _is_stopped(self, keys: list[str]) -> bool:
        """Tells whether somebody has stopped the round. A marker that only keeps calls from beginning doesn't count."""
        key = self.job.stop_key()
        return key in keys and self.client.get(self.job.bucket, key) == STOP_ALL

    def _progress(self) -> Progress:
        states = self.calls.values()
        return Progress(
            total=self.round.items,
            done=sum(state.done for state in states),
            failed=sum(state.failed for state in states),
            calls=self.round.calls,
            started=sum(state.started for state in states),
            ended=sum(state.ended for state in states),
        )

    def _decide_whether_over(self, progress: Progress, now: float, gone: bool) -> None:
        """Sets whether the round is over, and how it ended if its calls can't report any more."""
        if progress.ended >= progress.calls:
            self.over = True
            return
        if progress.done >= progress.total:
            self._all_done = self._all_done or now
            self.over = now - self._all_done > _END_GRACE
        if self._interrupted and progress.ended >= progress.started and now - self._begin > _END_GRACE:
            self.over = True
            self.end = RoundEnd("its submission was interrupted")
        if gone:
            self.over = True
            self.end = RoundEnd("the process that ran the calls on this machine is gone", dead=True)
        if self._stopped is not None and now - max(self._stopped, self._changed) > STOP_GRACE:
            self.over = True
            self.end = RoundEnd(STOPPED)
        quiet = now - self._changed
        if quiet > self.job.timeout + START_GRACE:
            self.over = True
            self.end = RoundEnd(
                f"nothing was heard of it for {quiet:.0f} s, more than its timeout of {self.job.timeout:g} s and "
                f"{START_GRACE:g} s to start in",
                dead=gone,
            )


def pause(seconds: float, stopped: Callable[[], bool]) -> None:
    """
    Sleeps, and wakes up early once ``stopped`` returns True.

    :param seconds: how long
    :param stopped: called several times a second
    """
    end = time.monotonic() + seconds
    while not stopped() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _NAP))


def follow(
    follower: Follower,
    on_progress: Callable[[Progress], None],
    deadline: float | None,
    stopped: Callable[[], bool] = lambda: False,
) -> Progress:
    """
    Polls until the round is over, or ``stopped`` returns True.

    :param follower: the follower of the round
    :param on_progress: called after each poll with its counts
    :param deadline: seconds since the epoch at which to give up, or None
    :param stopped: called several times a second
    :returns: the last counts
    :raises JobTimeoutError: the deadline has passed
    """
    while True:
        progress = follower.poll()
        on_progress(progress)
        if follower.over:
            return progress
        if deadline is not None and time.time() > deadline:
            raise JobTimeoutError(
                f"the job was not done within its job_timeout: {progress.done} of {progress.total} items are"
            )
        pause(follower.soon, stopped)
        if stopped():
            return progress
