"""Writes a job's progress and its functions' output to the task log, within limits. Runs and sensors call it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lithops_provider.jobs.follow.follower import Progress

#: Seconds between two lines at least.
_INTERVAL = 5.0
#: How many characters of the functions' output go into the task log at most: of all items, and of one.
_MAX_OUTPUT = 64_000
_MAX_ITEM_OUTPUT = 8_000


class Log(Protocol):
    """The methods that are used of a logger: Airflow's is one of structlog, a script's one of the standard library."""

    @property
    def info(self) -> Callable[..., Any]:
        """Logs a line."""

    @property
    def warning(self) -> Callable[..., Any]:
        """Logs a line that somebody should read."""


class ProgressLog:
    """
    Logs how far a job is, at most every few seconds, and once when it is done.

    :param log: the log to write to
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._begin = time.monotonic()
        self._next = self._begin + _INTERVAL
        self._complete = False

    def __call__(self, progress: Progress) -> None:
        """Takes the counts of a poll."""
        now = time.monotonic()
        complete = progress.done >= progress.total
        if (complete and not self._complete) or now >= self._next:
            self._next = now + _INTERVAL
            self.log.info(describe(progress, now - self._begin))
        self._complete = complete


def describe(progress: Progress, seconds: float) -> str:
    """
    Returns a line such as ``1200/5000 items done, 3 failed, 240.0 items/s, about 16 s left``.

    :param progress: the counts
    :param seconds: how long the job has run so far
    """
    rate = progress.done / seconds if seconds > 0 else 0.0
    line = f"{progress.done}/{progress.total} items done, {progress.failed} failed, {rate:.1f} items/s"
    if progress.done >= progress.total:
        return f"{line}, {seconds:.1f} s in all"
    if rate:
        return f"{line}, about {(progress.total - progress.done) / rate:.0f} s left"
    return f"{line}, {progress.started}/{progress.calls} calls started"


def log_output(log: Log, printed: Iterable[tuple[int, str]]) -> None:
    """
    Logs what the functions printed.

    :param log: the log to write to
    :param printed: indices of items with what they printed, in order
    """
    left = _MAX_OUTPUT
    dropped = 0
    for item, output in printed:
        if left <= 0:
            dropped += 1
            continue
        text = output.rstrip("\n")
        limit = min(left, _MAX_ITEM_OUTPUT)
        if len(text) > limit:
            # Both ends are kept: the last lines say most about an error, and how much was dropped before this.
            head = limit * 3 // 4
            text = f"{text[:head]}\n... {len(text) - limit} more characters ...\n{text[head - limit :]}"
        left -= len(text)
        log.info(f"Output of item {item}:\n{text}")
    if dropped:
        log.info(f"The output of {dropped} more item(s) is left out.")
