"""Decides in which calls the items of a round are sent. send.py calls it, and spec.py to check the parameter."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from lithops_provider.jobs.binding.function import chunked
from lithops_provider.jobs.errors import InvalidInputError

#: Items per call: a number, or ``"auto"``.
BatchSize = int | str

#: Where calls wait for others to end: how the items of the first calls, which begin at once, of the next ones and of
#: all later ones relate. Each further call costs time, and small calls at the end have all processes end alike.
_SHARES = (5, 3, 2)


def check_batch_size(batch_size: object) -> None:
    """
    Checks the parameter ``batch_size``.

    :raises InvalidInputError: it is neither "auto" nor a number of at least 1
    """
    if batch_size == "auto" or (isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size >= 1):
        return
    raise InvalidInputError(f'batch_size must be "auto" or a number of items, at least 1; got {batch_size!r:.100}')


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


def divide(items: Sequence[int], calls: int, at_once: int) -> list[Sequence[int]]:
    """
    Divides items among calls: evenly, if all calls run at once; else the calls that begin later get fewer, so that no
    process works on for long when the others have nothing left to do.

    :param items: indices of the items
    :param calls: number of calls, at most that of the items
    :param at_once: how many calls run at once
    :returns: the indices of each call, in the order of ``items``
    """
    shares = [_SHARES[min(number // at_once, len(_SHARES) - 1)] for number in range(calls)]
    if calls <= at_once or len(items) * shares[-1] < sum(shares):  # some call would get none
        return chunked(items, calls)
    bounds = [len(items) * share // sum(shares) for share in itertools.accumulate(shares, initial=0)]
    return [items[first:end] for first, end in itertools.pairwise(bounds)]
