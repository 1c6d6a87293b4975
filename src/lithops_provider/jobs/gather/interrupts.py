"""
Tells what foreign code raises apart from what a signal raises in this process while that code runs. A result whose
unpickling raises KeyboardInterrupt has failed; a KeyboardInterrupt because somebody presses Ctrl-C must not be taken
for that.
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
    """Whether a signal has been handled since ``came`` was last set to False."""

    came: bool = False


@contextlib.contextmanager
def noticed_interrupts() -> Iterator[Interrupts]:
    """Notices signals as long as it lasts. Their handlers do what they always do; they run in the main thread only."""
    noticed = Interrupts()
    before: dict[signal.Signals, Callable[..., Any]] = {}

    def handle(number: int, frame: Any) -> Any:
        noticed.came = True
        return before[signal.Signals(number)](number, frame)

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
