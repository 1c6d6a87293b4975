"""
Looks at a job for people. `ui/` keeps a `JobView` for each job that people look at, and `cli/` makes one. It unpickles
nothing, and keeps what it has read: a look takes one LIST for each round that may still change, and reads the headers
of the parts that are new since the last look.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.secrets import secret_values
from lithops_provider.jobs.follow.follower import STOP_GRACE, CallState, read_calls
from lithops_provider.jobs.follow.processes import runner_is_gone
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import BEGUN, CACHED, SENT, STOP, STOP_ALL, call_id
from lithops_provider.jobs.remote.parts import parse_part_name
from lithops_provider.jobs.remote.results import current_parts
from lithops_provider.jobs.submit.plan import load_plan
from lithops_provider.jobs.view.item_table import FAILED, RUNNING, WAITING, ItemTable, Part

logger = logging.getLogger(__name__)

#: How many threads look at jobs, for all jobs together; and how many read the parts of one job.
_LOOKING, _READING = 4, 16
#: Of how many calls a look asks at most when they began.
_BEGUN_AT_ONCE = 200
#: Seconds that pass at least between two looks at a job; and the share of the time that looks may take.
_PAUSE, _DUTY = 1.0, 0.25
#: Seconds after which, while parts are being read, a new snapshot shows what was read so far.
_SHOW = 1.0

#: Seconds that the clock of where functions run may be ahead of this one's.
_AHEAD = 3600.0

_lookers = ThreadPoolExecutor(_LOOKING, thread_name_prefix="lithops-look")


@dataclass
class RoundView:
    """
    The state of a round.

    :param calls: the calls that have started, by call id
    :param begun: when calls began whose first item still ran when they were looked at, in seconds since the epoch by
        call id; 0 for one that hasn't said it
    :param plan: the items of each call; None until the plan was read
    :param sent: whether all of its calls were sent
    :param stopped: whether somebody has stopped it
    :param cached: whether its results are out of the cache, so that nothing was run for them
    :param objects: how many objects it has in storage
    :param settled: whether it can't change any more, and all of it was read
    :param deleted: whether its data was there once, and has been deleted since
    :param given_up: whether it was stopped, and its calls won't report any more
    :param since: `time.monotonic` of its last change
    """

    calls: dict[str, CallState] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    plan: list[Sequence[int]] | None = None
    sent: bool = False
    stopped: bool = False
    cached: bool = False
    objects: int = 0
    settled: bool = False
    deleted: bool = False
    given_up: bool = False
    since: float = field(default_factory=time.monotonic, compare=False)

    @property
    def done(self) -> int:
        """Number of items with an outcome, as the names of parts say."""
        return sum(call.done for call in self.calls.values())

    @property
    def failed(self) -> int:
        """Number of items that failed."""
        return sum(call.failed for call in self.calls.values())

    @property
    def ended(self) -> int:
        """Number of calls that have reported their end."""
        return sum(call.ended for call in self.calls.values())


@dataclass(frozen=True)
class Snapshot:
    """
    The state of a job at one moment. It doesn't change; a later look makes another.

    :param version: differs from that of the last snapshot if something has changed
    :param taken: when it was made, in seconds since the epoch
    :param job: the job's value
    :param rounds: the state of each of its rounds
    :param parts: the parts that were read
    :param table: the items
    :param unread: number of parts that are still to be read
    :param damaged: number of parts that can't be read
    :param gone: whether its data was deleted, or never written
    """

    version: int
    taken: float
    job: LithopsJob
    rounds: list[RoundView]
    parts: list[Part]
    table: ItemTable
    unread: int
    damaged: int
    gone: bool

    @property
    def over(self) -> bool:
        """Whether all calls of the last round have ended or were given up, or all its items have an outcome."""
        last, known = self.job.rounds[-1], self.rounds[-1]
        return known.ended >= last.calls or known.done >= last.items or known.given_up

    @property
    def counts(self) -> dict[str, int]:
        """How many items are in each state. While not all parts are read, the names of the parts say so."""
        counts = self.table.counts()
        if self.unread:
            succeeded = max(counts["succeeded"], sum(entry.done - entry.failed for entry in self.rounds))
            failed = self.rounds[-1].failed
            waiting = max(self.job.items - succeeded - failed - counts["running"], 0)
            counts = {**counts, "succeeded": succeeded, "failed": failed, "waiting": waiting}
        return counts

    @property
    def state(self) -> str:
        """One of waiting, running, stopping, cancelled, succeeded, failed; unknown if its data is gone."""
        if self.gone and not self.parts:
            return "unknown"
        if self.rounds[-1].stopped:
            return "cancelled" if self.over else "stopping"
        if self.over:
            return "succeeded" if self.counts["succeeded"] >= self.job.items else "failed"
        return "running" if any(entry.calls for entry in self.rounds) else "waiting"


class JobView:
    """
    Looks at a job, in another thread, so that a slow storage doesn't delay the server that asks for it.

    :param job: its value
    :param connect: returns the client for its storage; called in that thread
    :param counts_only: whether only to count items, by the names of parts, without reading any
    """

    def __init__(self, job: LithopsJob, connect: Callable[[], LithopsClient], *, counts_only: bool = False) -> None:
        self.job = job
        self.snapshot: Snapshot | None = None
        #: Why the last look failed; None if it didn't.
        self.error: str | None = None
        self._connect = connect
        self._counts_only = counts_only
        self._client: LithopsClient | None = None
        self._rounds: list[RoundView] = []
        self._parts: dict[tuple[int, str, int], Part] = {}
        self._damaged: set[str] = set()
        self._version = 0
        self._look: Future[None] | None = None
        self._next = 0.0
        self._lock = threading.Lock()

    def client(self) -> LithopsClient:
        """
        Returns the client for the job's storage.

        :raises LithopsJobError: the configuration is wrong, or the storage can't be reached
        """
        if self._client is None:
            client = self._connect()
            client.check_holds(self.job)
            self._client = client
        return self._client

    def refresh(self, job: LithopsJob, wait: float) -> None:
        """
        Starts a look at the job unless the last one was just now. The look sets `snapshot` and `error`.

        :param job: its value, which may have more rounds by now
        :param wait: seconds to wait for the look at most; after that, it goes on by itself
        """
        with self._lock:
            if len(job.rounds) > len(self.job.rounds):
                self.job, self._next = job, 0.0
            if self._look is None or (self._look.done() and time.monotonic() >= self._next):
                self._look = _lookers.submit(self._refresh)
            look = self._look
        futures.wait([look], timeout=wait)

    def _refresh(self) -> None:
        begin = time.monotonic()
        try:
            self._look_at_all()
            self.error = None
        except Exception as error:  # of any kind: those who look on have to see that looking fails
            logger.warning("Looking at job %s failed", self.job.executor_id, exc_info=True)
            self.error = self.without_secrets(str(error) or type(error).__name__)
        now = time.monotonic()
        self._next = now + max(_PAUSE, (now - begin) / _DUTY)

    def without_secrets(self, text: str) -> str:
        """Returns a text, such as that of an error, without the secrets of the job's configuration."""
        config = self._client.config if self._client is not None else {}
        for secret in sorted(secret_values(config), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _look_at_all(self) -> None:
        client, job = self.client(), self.job
        changed = self.snapshot is None or self.snapshot.job is not job
        wanted: list[tuple[int, str]] = []
        for number in range(len(job.rounds)):
            if number == len(self._rounds):
                self._rounds.append(RoundView())
            if not self._rounds[number].settled:
                changed |= self._list(client, job, number, wanted)
        # Earlier rounds aren't listed again. A job's data is deleted as a whole, so the last round tells it for all.
        gone = self._rounds[-1].deleted or not any(entry.objects for entry in self._rounds)
        if self._counts_only:
            if changed:
                self._show(job, 1, gone)  # as long as something is unread, the names of parts tell the counts
            self._settle()
            return
        if self.snapshot is None or wanted:
            self._show(job, len(wanted), gone)  # at once: the names of parts already tell the counts
        if wanted:
            self._read(client, job, wanted, gone)
        self._settle()
        if changed or wanted:
            self._show(job, 0, gone)

    def _settle(self) -> None:
        """Notes that earlier rounds were read as a whole. If a look fails before that, the next lists them again."""
        for entry in self._rounds[:-1]:
            entry.settled = True

    def _list(self, client: LithopsClient, job: LithopsJob, number: int, wanted: list[tuple[int, str]]) -> bool:
        """Lists a round, adds the parts that are to be read to ``wanted``, and returns whether anything has changed."""
        prefix = job.round_prefix(number)
        known = self._rounds[number]
        without_runner = known.stopped and number == len(job.rounds) - 1 and runner_is_gone(job)
        keys = client.keys(job.bucket, f"{prefix}/")  # after that, so it has all that a runner which is gone wrote
        if known.objects and not keys:  # the data was deleted; what was read before is kept
            known.settled = known.deleted = True
            return True
        names = {key[len(prefix) + 1 :] for key in keys if "/" not in key[len(prefix) + 1 :]}
        now = RoundView(
            calls=read_calls(keys, prefix),
            begun=known.begun,
            plan=known.plan or load_plan(client, job, number),
            sent=SENT in names,
            stopped=known.stopped or (STOP in names and client.get(job.bucket, job.stop_key(number)) == STOP_ALL),
            cached=CACHED in names,
            objects=len(keys),
            given_up=known.given_up,
        )
        if number == len(job.rounds) - 1:
            now.begun = known.begun | self._read_begun(client, job, keys, now)
        if now == known:
            now.since = known.since
        # Calls that were killed, or that the backend has ended, never report. `Follower` gives them up in the same way.
        now.given_up = now.stopped and (without_runner or time.monotonic() - now.since > STOP_GRACE)
        have = {part.key for part in self._parts.values()}
        wanted += [(number, key) for key in current_parts(keys) if key not in have and key not in self._damaged]
        self._rounds[number] = now
        return now != known

    def _read_begun(
        self, client: LithopsClient, job: LithopsJob, keys: list[str], known: RoundView
    ) -> dict[str, float]:
        """Returns when calls have begun that run their first item, of some of those of which it isn't known."""
        if self._counts_only:
            return {}
        first = {call for call, state in known.calls.items() if not (state.done or state.ended or call in known.begun)}
        found = [key for key in keys if key.endswith(f"/{BEGUN}") and key.split("/")[-2] in first][:_BEGUN_AT_ONCE]
        if not found:
            return {}
        with ThreadPoolExecutor(_READING, thread_name_prefix="lithops-read") as pool:
            times = pool.map(lambda key: _time_of(client.get(job.bucket, key)), found)
            return {key.split("/")[-2]: began for key, began in zip(found, times, strict=True)}

    def _read(self, client: LithopsClient, job: LithopsJob, wanted: list[tuple[int, str]], gone: bool) -> None:
        """Reads parts, and makes a snapshot of what was read so far every second."""
        shown = time.monotonic()
        with ThreadPoolExecutor(_READING, thread_name_prefix="lithops-read") as pool:
            for left, (number, key, header) in zip(
                range(len(wanted) - 1, -1, -1),
                pool.map(lambda entry: (*entry, self._header(client, job, entry[1])), wanted),
                strict=True,
            ):
                if header is not None:
                    folder, _, name = key.rpartition("/")
                    call_id, part_name = folder.rpartition("/")[2], parse_part_name(name)
                    call = int(call_id) if call_id.isdecimal() else -1
                    first = part_name.first if part_name is not None else 0
                    self._parts[number, call_id, first] = Part.of(number, call, key, header)
                if left and time.monotonic() - shown > _SHOW:
                    self._show(job, left, gone)
                    shown = time.monotonic()

    def _header(self, client: LithopsClient, job: LithopsJob, key: str) -> Any:
        try:
            return read_header(client, job.bucket, key, job.items)
        except ValueError:
            logger.warning("The part %s can't be read", key, exc_info=True)
            self._damaged.add(key)
            return None

    def _show(self, job: LithopsJob, unread: int, gone: bool) -> None:
        parts = list(self._parts.values())
        table = ItemTable(job.items, parts)
        self._mark_running(job, table, parts)
        self._version += 1
        rounds = list(self._rounds)
        damaged = len(self._damaged)
        self.snapshot = Snapshot(self._version, time.time(), job, rounds, parts, table, unread, damaged, gone)

    def _mark_running(self, job: LithopsJob, table: ItemTable, parts: list[Part]) -> None:
        """
        Marks the items that the last round runs again as waiting, and those that run now as running. A call runs its
        items in order, so the one that runs is its first without an outcome.
        """
        number = len(job.rounds) - 1
        known = self._rounds[number]
        if known.plan is None or known.given_up or known.ended >= job.rounds[-1].calls:
            return
        stored = {index for part in parts if part.round == number for index in part.header.index} if number else set()
        # By call, when its last item ended, which is when its next one began; or when the call began.
        since = {int(call): began for call, began in known.begun.items() if call.isdecimal()}
        for part in parts:
            if part.round == number and part.header.started:
                ended = part.header.started[-1] + part.header.seconds[-1]
                since[part.call] = max(since.get(part.call, 0.0), ended)
        for call, indices in enumerate(known.plan):
            state = known.calls.get(call_id(call))
            if state is not None and state.ended:
                continue
            if number:
                for index in indices:
                    if index not in stored and table.state[index] == FAILED:
                        table.mark(index, WAITING, number, call)
            if state is not None and state.done < len(indices) and indices[state.done] not in stored:
                table.mark(indices[state.done], RUNNING, number, call, since.get(call, 0.0))


def _time_of(marker: bytes | None) -> float:
    """Returns the time that a call has stored when it began; 0 if it is none that can be."""
    try:
        began = float(marker or b"")
    except ValueError:
        return 0.0
    return began if 0 < began < time.time() + _AHEAD else 0.0
