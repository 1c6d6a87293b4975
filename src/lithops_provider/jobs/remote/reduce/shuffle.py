"""
The functions that the calls of a reduce by key run. A shuffle reads pairs that the map has returned, groups them by
key, and stores them as one object, in the order of the hashes of the keys. A reduce reads a range of hashes out of each
of these objects, and calls the user's function for each key. inputs/by_key.py names both as functions of its phases.
"""

from __future__ import annotations

import itertools
import operator
import pickle
import uuid
from array import array
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .. import frames
from ..items import is_skip
from ..shipped_modules import load_result
from ..sources import StoredObject
from . import runs
from .keys import HASHES
from .pairs import call_combine, checked_result, pairs_of
from .runs import Entry, Grouper, RunFile, blocks_of
from .spans import read_sized
from .stored import AllValues, StoredPairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypedDict

    class ShuffledPairs(TypedDict):
        """
        The object that a shuffle has stored: its key; where in it each range of hashes begins, and where the last ends;
        and the prefix of a round of the map, whose modules the pairs may need.
        """

        key: str
        offsets: array[int]
        modules: str


#: How many requests are made at a time, and how many bytes each reads.
_AHEAD = 4
_PIECE = 1 << 20


def shuffle(combine: Callable[..., Any] | None, /, stored: StoredPairs, _: AllValues) -> ShuffledPairs:
    """
    Groups pairs by key, and stores them.

    :param combine: the user's ``combine_function``, or None
    :param stored: the results of a map
    :returns: the object with the pairs
    """
    storage, where = stored
    bucket, partitions = where["bucket"], where["partitions"]
    grouper = Grouper(combine, _loader(storage, bucket, where["modules"]))
    for returned, size in read_sized(storage, bucket, where["spans"]):
        if returned is not None:  # of an item that was skipped
            grouper.add(pairs_of(returned), size)
    output = RunFile()
    try:
        offsets = array("Q", [0])
        for partition, groups in itertools.groupby(grouper.groups(), lambda group: group[0] * partitions // HASHES):
            offsets.extend([output.end] * (partition + 1 - len(offsets)))
            output.write(frames.pack([block]) for block in blocks_of(_entries(combine, groups)))
        offsets.extend([output.end] * (partitions + 1 - len(offsets)))
        # Each try has a key of its own, so that a function that runs twice doesn't write over what somebody reads.
        key = f"{where['prefix']}/{uuid.uuid4().hex}"
        output.file.seek(0)
        storage.put_object(bucket, key, output.file.read() if output.end <= runs.BUDGET else output.file)
    finally:
        output.close()
    return {"key": key, "offsets": offsets, "modules": where["modules"]}


def _entries(
    combine: Callable[..., Any] | None, groups: Iterable[tuple[int, Any, Any]]
) -> Iterator[tuple[int, Any, Iterable[list[Any]]]]:
    for number, key, values in groups:
        if combine is None or len(values) == 1:
            yield number, key, values.chunks()
        else:
            yield number, key, [[call_combine(combine, key, values)]]


def reduce_keys(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> list[list[Any]]:
    """
    Calls a reduce function for each key of a range of hashes.

    :param function: the user's function
    :param args: its positional arguments, with a `StoredPairs` in the place of the key and an `AllValues` in that of
        its values
    :param kwargs: its keyword arguments
    :returns: pairs of key and result, sorted if the keys can be compared, without keys for which the function skips
    """
    key_at = next(place for place, value in enumerate(args) if isinstance(value, StoredPairs))
    values_at = next(place for place, value in enumerate(args) if isinstance(value, AllValues))
    arguments, results = list(args), []
    for _, key, values in _grouped(args[key_at]):
        arguments[key_at], arguments[values_at] = key, values
        try:
            results.append([key, checked_result(function(*arguments, **kwargs), "reduce_function", key)])
        except BaseException as error:
            if not is_skip(error):
                print(f"the reduce function failed for the key {repr(key)[:200]}")  # noqa: T201 - the item's output
                raise
    return in_order(results)


def in_order(results: list[list[Any]]) -> list[list[Any]]:
    """Returns pairs sorted by their keys; in the order they have, if the keys can't be compared with each other."""
    if any(isinstance(key, frozenset) for key, _ in results):  # which compare as subsets
        return results
    try:
        return sorted(results, key=operator.itemgetter(0))  # a new list: a sort in place that fails leaves half of it
    except TypeError:
        return results


def _grouped(stored: StoredPairs) -> Iterator[tuple[int, Any, Any]]:
    storage, where = stored
    bucket, segments = where["bucket"], where["segments"]
    load = _loader(storage, bucket, where["modules"])
    grouper = Grouper(load=load)
    small = sum(end - start for _, start, end in segments) <= runs.BUDGET
    with ThreadPoolExecutor(_AHEAD) as pool:
        for _, pieces in itertools.groupby(_read_ahead(pool, storage, bucket, segments), operator.itemgetter(0)):
            if small:
                for block in frames.unpack(b"".join(data for _, data in pieces)):
                    grouper.add_entries(load(block), 0)
            else:
                grouper.add_run(data for _, data in pieces)
    return grouper.groups()


def _read_ahead(
    pool: ThreadPoolExecutor, storage: Any, bucket: str, segments: list[tuple[str, int, int]]
) -> Iterator[tuple[int, bytes]]:
    """Yields the bytes of segments piece by piece, each piece with the number of its segment."""
    ahead: deque[tuple[int, Future[bytes]]] = deque()
    for number, (key, start, end) in enumerate(segments):
        source = StoredObject(storage, bucket, key, size=-1)
        for begin in range(start, end, _PIECE):
            ahead.append((number, pool.submit(source.read, begin, min(end, begin + _PIECE))))
            if len(ahead) > _AHEAD:
                first, future = ahead.popleft()
                yield first, future.result()
    for first, future in ahead:
        yield first, future.result()


def _loader(storage: Any, bucket: str, modules: str) -> Callable[[Any], list[Entry]]:
    """
    Returns a function that unpickles a block, also if its keys and values are of classes that were shipped with the
    map.
    """
    return lambda data: load_result(lambda: pickle.loads(data), storage, bucket, modules)
