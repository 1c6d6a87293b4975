"""
Reads some results of another job by their places in its parts. The calls of a tree of reduces, and of a shuffle, each
read a share of the results in this way.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..shipped_modules import load_result
from ..sources import StoredObject
from .values import Span, loads_of, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: How many windows are read at a time.
_AHEAD = 4


def read_sized(
    storage: Any, bucket: str, spans: Iterable[tuple[str, list[tuple[int, int]]]]
) -> Iterator[tuple[Any, int]]:
    """
    Yields results of another job, each with the number of bytes of its pickle. A few windows of results are read ahead.

    :param storage: a Lithops Storage
    :param bucket: the job's bucket
    :param spans: pairs of a part's key, and where each result begins and ends in it
    :raises OSError: a result is cut off in storage
    """

    def read(window: tuple[str, list[Span]]) -> list[tuple[Any, int]]:
        key, places = window
        source, prefix = StoredObject(storage, bucket, key, size=-1), key.rsplit("/", 2)[0]
        sizes = (end - begin for _, begin, end in places)
        loads = (load for _, load in loads_of(source, places))
        return [(load_result(load, storage, bucket, prefix), size) for load, size in zip(loads, sizes, strict=True)]

    windows = (
        (key, window) for key, places in spans for window in windows_of((-1, begin, end) for begin, end in places)
    )
    with ThreadPoolExecutor(_AHEAD) as pool:
        ahead: deque[Future[list[tuple[Any, int]]]] = deque()
        for window in windows:
            ahead.append(pool.submit(read, window))
            if len(ahead) >= _AHEAD:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
