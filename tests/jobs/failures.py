"""
Functions that fail in every way, for any test of failures. Each item is the name of what happens to it; every other
is returned. All of them leave a line in a file, so that it can be told what ran how often.

Functions that are run aren't in the test modules, so that the workers need not import pytest.
"""

# ruff: noqa: T201 - functions print

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any, NoReturn

#: Seconds that an item has in these tests.
TIMEOUT = 1.0


class BadTextError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class UnpicklableError(Exception):
    def __init__(self) -> None:
        super().__init__("holds a generator", (number for number in ()))


class BreaksWhenLoaded:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("not a number",)


class ExitsWhenLoaded:
    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (3,)


def _raise(error: BaseException) -> None:
    raise error


def _memory() -> bytes:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, hard))
    try:
        return bytes(4 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _sleep_deaf() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM, signal.SIGINT})
    time.sleep(600)


def _sleep_stubborn() -> None:
    while True:
        try:
            time.sleep(600)
        except BaseException:
            print("never mind")


FAILURES = {
    "value": lambda: _raise(ValueError("a wrong value")),
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "os._exit": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "terminate": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "memory": _memory,
    "unpicklable result": lambda: (number for number in ()),
    "unpicklable exception": lambda: _raise(UnpicklableError()),
    "exception without text": lambda: _raise(BadTextError()),
    "timeout": lambda: time.sleep(600),
    "deaf timeout": _sleep_deaf,
    "stubborn timeout": _sleep_stubborn,
    "result that breaks": BreaksWhenLoaded,
    "result that exits": ExitsWhenLoaded,
}

#: What each is blamed with: type, and text in the message.
BLAMED = {
    "value": ("ValueError", "a wrong value"),
    "exit": ("SystemExit", "3"),
    "interrupt": ("KeyboardInterrupt", ""),
    "os._exit": ("ProcessDiedError", "exit code 0"),
    "segfault": ("ProcessDiedError", "SIGSEGV"),
    "kill": ("ProcessDiedError", "SIGKILL"),
    "terminate": ("ProcessDiedError", "SIGTERM"),
    "memory": ("MemoryError", ""),
    "unpicklable result": ("TypeError", "generator"),
    "unpicklable exception": ("UnpicklableError", "holds a generator"),
    "exception without text": ("BadTextError", "can't be shown"),
    "timeout": ("TimeoutError", f"timeout of {TIMEOUT:g} seconds"),
    "deaf timeout": ("TimeoutError", f"timeout of {TIMEOUT:g} seconds"),
    "stubborn timeout": ("TimeoutError", f"timeout of {TIMEOUT:g} seconds"),
    "result that breaks": ("ValueError", "can't be unpickled here"),
    "result that exits": ("SystemExit", "can't be unpickled here"),
}


class Tally:
    """Counts what functions did, in a file that all processes append to."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def read(self) -> list[str]:
        path = Path(self.path)
        return path.read_text().split() if path.exists() else []


def leave_mark(tally: str, mark: str) -> None:
    with open(tally, "a") as file:
        file.write(f"{mark}\n")


def fail_as_told(item: str, tally: str) -> Any:
    leave_mark(tally, item.replace(" ", "_"))
    return FAILURES[item]() if item in FAILURES else item


def fail_at_first(x: int, tally: str, times: int) -> int:
    """Fails for 1, so many times."""
    leave_mark(tally, str(x))
    if x == 1 and Tally(Path(tally)).read().count("1") <= times:
        raise ConnectionError("try again")
    return x


def fail_for_good(text: str) -> NoReturn:
    """Raises AirflowFailException, of a module that stands in for Airflow's: to import that takes seconds."""
    module = sys.modules.setdefault("airflow.exceptions", types.ModuleType("airflow.exceptions"))
    sys.modules.setdefault("airflow", module)
    raise type("AirflowFailException", (Exception,), {"__module__": module.__name__})(text)


def fail_for_good_at_one(x: int, tally: str) -> int:
    leave_mark(tally, str(x))
    if x == 1:
        fail_for_good("no other try helps")
    return x
