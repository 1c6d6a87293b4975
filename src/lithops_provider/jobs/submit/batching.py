"""Decides in how many calls the items of a round are sent. send.py calls it, and spec.py to check the parameter."""

from __future__ import annotations

import math

from lithops_provider.jobs.errors import InvalidInputError

#: Items per call: a number, or ``"auto"``.
BatchSize = int | str


def check_batch_size(batch_size: object) -> None:
    """
    Checks the parameter ``batch_size``.

    :raises InvalidInputError: it is neither "auto" nor a number of at least 1
    """
    if batch_size == "auto" or (isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size >= 1):
        return
    raise InvalidInputError(f'batch_size must be "auto" or a number of items, at least 1; got {batch_size!r}')


def number_of_calls(items: int, batch_size: BatchSize, capacity: int, max_concurrency: int | None = None) -> int:
    """
    Returns the number of calls to send ``items`` in.

    :param items: number of items
    :param batch_size: how many items a call has at most; with "auto", there are as many calls as the backend can take
        at once, so that each has as few items as possible
    :param capacity: how many calls the backend can take at once
    :param max_concurrency: how many calls there may be at most. A call runs its items one after another, so this is
        also how many items run at once
    """
    check_batch_size(batch_size)
    calls = min(items, capacity) if batch_size == "auto" else math.ceil(items / int(batch_size))
    return max(1, calls if max_concurrency is None else min(calls, max_concurrency))
