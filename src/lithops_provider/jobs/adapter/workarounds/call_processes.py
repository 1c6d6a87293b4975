"""
Has Lithops's worker run calls in its own process, rather than fork a process for each. localhost.py calls this in the
runners of jobs on this machine.

The function itself has a process of its own anyway, which remote/item_process.py starts and watches: if it dies or
takes too long, the call says so. A process in between would only cost: where tasks of Airflow are calls, 15 ms of CPU
each.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


def run_calls_in_workers() -> None:
    """
    Makes `lithops.worker.handler.run_task` call `JobRunner.run`, which runs a call, where it would start a process
    with it. The processes that run one call after another are started as before. Lithops would then store that the
    call has started, which it hasn't any more: the mark that a call has begun is `Batch.begin`'s.
    """
    from lithops.monitoring.status import CallStatus
    from lithops.worker import handler
    from lithops.worker.jobrunner import JobRunner

    handler._MP_CTX = _Processes(handler._MP_CTX, JobRunner)
    CallStatus.send_init_event = _send_nothing


def _send_nothing(status: Any) -> None:
    """Takes the place of `CallStatus.send_init_event`."""


class _Processes:
    """
    Takes the place of a context of Python's multiprocessing.

    :param context: that context
    :param runs_here: the class whose methods are run where a process with them would be started
    """

    def __init__(self, context: Any, runs_here: type) -> None:
        self._context = context
        self._runs_here = runs_here
        self.Pipe = context.Pipe

    def Process(self, target: Callable[..., object], args: tuple[Any, ...] = ()) -> Any:  # noqa: N802 - as there
        """Returns a process that can be started, or what takes its place."""
        if isinstance(getattr(target, "__self__", None), self._runs_here):
            return _Here(target)
        return self._context.Process(target=target, args=args)


class _Here:
    """
    Takes the place of a process, but does its work in the process that waits for it.

    :param target: the work
    """

    exitcode = 0

    def __init__(self, target: Callable[[], object]) -> None:
        self._target = target

    def start(self) -> None:
        """Leaves the work to `join`."""

    def join(self, timeout: float) -> None:
        """
        Does the work, and returns when it is done.

        :param timeout: seconds after which the system ends this process. A call ends itself before that, unless it
            waits for a storage that never answers
        """
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, timeout)
        try:
            self._target()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def is_alive(self) -> bool:
        """Returns that the work is done."""
        return False
