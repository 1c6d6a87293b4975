"""
Runs requests in threads: with a time limit, since not every client of a storage has one of its own, or several at the
same time. `LithopsClient` sends its requests by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, action: Callable[[], T], what: str) -> T:
    """
    Does something in a thread of its own, and waits up to ``seconds`` for it. After that it leaves the thread alone:
    a thread can't be stopped, but it is a daemon, so it doesn't keep the process alive.

    :param seconds: how long to wait
    :param action: what to do
    :param what: the same in words, for the message
    :raises TimeoutError: it took longer
    """
    outcome = _start(action, what)
    try:
        return outcome.result(seconds)
    except FutureTimeoutError:
        if outcome.done():
            raise  # the action itself has raised it
        raise TimeoutError(f"no answer within {seconds:g} s") from None


def at_once(*actions: Callable[[], T]) -> list[T]:
    """
    Does several things at the same time, each in a thread of its own, and returns what each returns. If one of them
    raises, or this thread is interrupted, the others are left alone.

    :param actions: what to do: requests that don't need each other's answers
    """
    return [outcome.result() for outcome in [_start(action, "one of several requests") for action in actions]]


def _start(action: Callable[[], T], what: str) -> Future[T]:
    """Does something in a thread that doesn't keep the process alive."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True, name=f"lithops: {what}").start()
    return outcome
