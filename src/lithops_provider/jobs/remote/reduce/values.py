"""
Reads the results of another job where a function runs: only those that are asked for, and without keeping their
pickles, so that a reduce over results that nearly fill the memory of its runtime succeeds. injection.py calls it.
"""

from __future__ import annotations

import pickle
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .. import frames
from ..class_pickles import load
from ..keys import call_id, job_prefix
from ..parts import decode_header
from ..results import READERS, current_parts
from ..shipped_modules import load_result
from ..sources import ObjectChangedError, StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..frames import Reference

#: Bytes of a part that are read first: usually the whole header, and small results with it.
_HEAD = 256 << 10
#: Bytes of results that are read at once.
_WINDOW = 1 << 20
#: Bytes that are read at once of a result larger than a window, which is unpickled while it is read.
_BLOCK = 1 << 20

#: An item, and where in its part its result begins and ends.
Span = tuple[int, int, int]


def read_values(storage: Any, reference: Reference) -> list[Any]:
    """
    Returns the results of another job, in the order of its items, without those of items that failed.

    :param storage: a Lithops Storage
    :param reference: which job, and which of its items
    :returns: the results; if the reference is ``indexed``, pairs of an item's index and its result
    :raises OSError: a result is cut off in storage
    """
    bucket, first, last = reference["bucket"], reference.get("first", 0), reference.get("last")
    values: dict[int, Any] = {}
    cut: set[int] = set()

    def read(key: str) -> tuple[dict[int, Any], list[int]]:
        return _read_part(storage, bucket, key, lambda index: index >= first and (last is None or index <= last))

    with ThreadPoolExecutor(READERS) as pool:
        keys = current_parts(_keys(storage, reference, pool))
        # In the order of the keys: of two results of an item the earlier counts, as it does when a job is gathered.
        for found, cut_off in pool.map(read, sorted(keys)):
            for index, value in found.items():
                values.setdefault(index, value)
            cut.update(cut_off)
    if lost := sorted(cut - values.keys()):
        raise OSError(f"the results of {len(lost)} item(s) are cut off in storage, first that of item {lost[0]}")
    if reference.get("indexed"):
        return sorted(values.items(), key=lambda entry: entry[0])
    return [values[index] for index in sorted(values)]


def _keys(storage: Any, reference: Reference, pool: ThreadPoolExecutor) -> list[str]:
    folders: list[str] = []
    for position, job_id in enumerate(reference["job_ids"]):
        prefix = job_prefix(reference["executor_id"], job_id)
        calls = reference["calls"][position] if "calls" in reference else None
        folders += [f"{prefix}/"] if calls is None else [f"{prefix}/{call_id(call)}/" for call in calls]
    listed = pool.map(lambda folder: storage.list_keys(reference["bucket"], folder), folders)
    return [key for keys in listed for key in keys]


def _read_part(storage: Any, bucket: str, key: str, wanted: Callable[[int], bool]) -> tuple[dict[int, Any], list[int]]:
    """Returns the wanted results of a part by item, and the items whose results aren't complete."""
    head = bytes(storage.get_object(bucket, key, extra_get_args={"Range": f"bytes=0-{_HEAD - 1}"}))
    end = frames.first_end(head)
    if end > len(head):
        head = bytes(storage.get_object(bucket, key, extra_get_args={"Range": f"bytes=0-{end - 1}"}))
    if not 0 < end <= len(head):
        return {}, []  # the part is cut off; its items were run again
    spans = [span for span in decode_header(head).spans() if wanted(span[0])]
    source = _Part(storage, bucket, key, head)
    values: dict[int, Any] = {}
    cut: list[int] = []
    windows = deque(windows_of(spans))
    while windows:
        window = windows.popleft()
        try:
            for index, load in loads_of(source, window):
                values[index] = load_result(load, storage, bucket, key.rsplit("/", 2)[0])
        except ObjectChangedError:
            if len(window) > 1:  # one of its results is cut off; each is tried alone to find out which
                windows.extend([span] for span in window)
            else:
                cut.append(window[0][0])
    return values, cut


class _Part(StoredObject):
    """A part of which the first bytes are known."""

    def __init__(self, storage: Any, bucket: str, key: str, head: bytes) -> None:
        super().__init__(storage, bucket, key, size=-1)  # the size isn't known, and isn't needed
        self._head = head

    def _fetch(self, start: int, end: int) -> bytes:
        return self._head[start:end] if end <= len(self._head) else super()._fetch(start, end)


def windows_of(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Yields windows, results that are read at once: many small ones, or one that is larger than a window."""
    window: list[Span] = []
    for span in spans:
        if window and span[2] - window[0][1] > _WINDOW:
            yield window
            window = []
        window.append(span)
    if window:
        yield window


def loads_of(source: StoredObject, window: list[Span]) -> Iterator[tuple[int, Callable[[], Any]]]:
    """Yields each item of a window, with a function that unpickles its result."""
    begin, end = window[0][1], window[-1][2]
    if end - begin > _WINDOW:
        yield window[0][0], lambda: pickle.load(source.stream(begin, end, _BLOCK))
        return
    data = memoryview(source.read(begin, end))
    for index, first, last in window:
        blob = data[first - begin : last - begin]
        yield index, lambda blob=blob: load(blob)  # type: ignore[misc]
