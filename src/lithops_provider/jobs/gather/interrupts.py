"""
Distinguishes exceptions of foreign code from those that a signal's handler raises while that code runs. A result whose
unpickling raises KeyboardInterrupt has failed, but a KeyboardInterrupt because somebody presses Ctrl-C must end the
process. failures.py and outcomes.py unpickle within `noticed_interrupts`.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

#: The signals whose handlers raise: Python's own, and those of Airflow's tasks and timeouts.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


@dataclass
class Interrupts:
    """Whether a handler of a signal has raised since ``came`` was last set to False."""

    came: bool = False


@contextlib.contextmanager
def noticed_interrupts() -> Iterator[Interrupts]:
    """
    Notes whether a signal's handler has raised within this context. The handler itself runs as always. In threads other
    than the main one nothing is noted, since Python runs handlers in the main thread only.
    """
    noticed = Interrupts()
    before: dict[signal.Signals, Callable[..., Any]] = {}

    def handle(number: int, frame: Any) -> Any:
        try:
            return before[signal.Signals(number)](number, frame)
        except BaseException:
            noticed.came = True
            raise

    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, handle)
    try:
        yield noticed
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, handler)
