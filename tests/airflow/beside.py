"""What a module starts step by step, waiting in between, while other modules' tests run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def beside(function: Callable[[], Result]) -> Future[Result]:
    """
    Call a function in a thread.

    :param function: what to call
    :return: its future result, or what it has raised; a session that ends before that doesn't wait for it
    """
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=call, daemon=True, name=function.__name__).start()
    return future
