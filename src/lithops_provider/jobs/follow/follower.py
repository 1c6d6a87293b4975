"""
Follows a job by listing its objects: one LIST a poll, however many calls, and nothing is read or unpickled.

Never through Lithops's `wait`: it cancels Airflow's alarm, drops None results and can hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import JobTimeoutError
from lithops_provider.jobs.follow.processes import runner_is_gone
from lithops_provider.jobs.follow.states import RoundEnd
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.parts import parse_part_name

#: What Lithops writes when a call ends (lithops.storage.utils).
_STATUS_NAME = "status.json"

#: Takes the place of a call id where we ourselves store what became of items whose call can't tell any more.
LOST = "lost"

#: Seconds that a backend has to start a call, beyond the timeout of an item, before it is given up.
START_GRACE = 300.0
#: Seconds that a call which has stored all its outcomes may take to report its end.
_END_GRACE = 5.0
#: A poll may take this share of the time at most: listing many objects is work, too.
_DUTY = 0.2
#: Seconds of silence after which the process of a localhost job is looked for.
_SILENCE = 2.0
#: Nothing changes: polls become rarer, up to this many times the interval, so that an end is seen within two.
_GROWTH = 1.2
_SLOWEST = 1.8
#: Seconds of a sleep at most: a signal's handler can end a pause, but not a sleep.
_NAP = 0.2


@dataclass
class CallState:
    """What is known of a call."""

    started: bool = False
    ended: bool = False
    done: int = 0
    failed: int = 0
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """
    How far a round is.

    :param total: its items
    :param done: items with an outcome
    :param failed: those of them that failed
    :param calls: its calls
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
    Reads the state of a round's calls from its keys.

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
        if name == _STATUS_NAME:
            state.ended = True
        elif (part := parse_part_name(name)) is not None:
            state.parts.append(key)
            if part.done >= state.done:
                state.done, state.failed = part.done, part.failed
    return calls


class Follower:
    """
    Follows the last round of a job. `poll` does one request; when to call it again is the caller's business.

    :param client: where the job runs
    :param job: the job
    :param poll_interval: seconds between polls while things change; longer while nothing does
    :param interrupted: the submission was, and calls that haven't started never will: only the others are awaited
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

    def poll(self) -> Progress:
        """
        Looks once. Afterwards `over` says whether the round is at its end, `end` how that
        came about, and `delay` how many seconds to wait before the next look.
        """
        begin = time.monotonic()
        gone = self._runner_is_gone(begin)  # before the listing, so that what it wrote at its end is in there
        calls = read_calls(self.client.keys(self.job.bucket, f"{self.prefix}/"), self.prefix)
        changed = calls != self.calls
        self.calls = calls
        now = time.monotonic()
        progress = self._progress()
        if changed:
            self._changed = now
            self.delay = self.poll_interval
        else:
            self.delay = min(self.delay * _GROWTH, self.poll_interval * _SLOWEST)
        self.delay = max(self.delay, (now - begin) / _DUTY)
        self._judge(progress, now, gone)
        return progress

    def _runner_is_gone(self, now: float) -> bool:
        """Looks for the process only when the job is silent: that is what its death looks like."""
        return now - self._changed > _SILENCE and runner_is_gone(self.job)

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

    def _judge(self, progress: Progress, now: float, gone: bool) -> None:
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
    Sleeps.

    :param seconds: how long
    :param stopped: tells whether to wake up before that
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
    Polls until the round is over.

    :param follower: knows the job
    :param on_progress: called after each poll
    :param deadline: seconds since the epoch at which to give up, or None
    :param stopped: tells whether nobody wants to know any more
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
        pause(follower.delay, stopped)
        if stopped():
            return progress
