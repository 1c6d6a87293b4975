"""
Groups pairs by key, even if they don't fit into memory. Those that don't are written to disk in runs, which are sorted
by the hashes of the keys, and merged in the end. Keys themselves can't always be compared, but their hashes can.
shuffle.py calls it.

A run is a sequence of frames, each with a pickled block: a list of entries, which are a hash, a key and some of its
values. Pairs pass from one function to another through storage in the same format.
"""

from __future__ import annotations

import heapq
import os
import pickle
import tempfile
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import frames
from ..items import dump_result
from .keys import stable_hash
from .pairs import combined, group_into
from .values_of_key import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Bytes of pickled pairs that are kept in memory at most. As objects they are about ten times as large.
BUDGET = 8 << 20
#: How many bytes a block should have, and how many values the first block has.
_BLOCK = 64 << 10
_FIRST_BLOCK = 64

#: A hash, a key, and some of its values.
Entry = tuple[int, Any, list[Any]]
#: Unpickles a block.
Load = "Callable[[bytes], list[Entry]]"
#: A hash, a key, and all of its values.
Group = tuple[int, Any, Values]


def blocks_of(groups: Iterable[tuple[int, Any, Iterable[list[Any]]]]) -> Iterator[bytes]:
    """
    Yields pickled blocks.

    :param groups: groups of a hash, a key, and lists of the key's values
    """
    block: list[Entry] = []
    count, wanted = 0, _FIRST_BLOCK
    for number, key, chunks in groups:
        for chunk in chunks:
            start = 0
            while start < len(chunk):
                piece = chunk[start : start + wanted - count]
                block.append((number, key, piece))
                start += len(piece)
                count += len(piece)
                if count >= wanted:
                    data = dump_result(block)
                    yield data
                    wanted = max(1, min(4 * wanted, wanted * _BLOCK // len(data)))
                    block, count = [], 0
    if block:
        yield dump_result(block)


class RunFile:
    """
    Runs in a temporary file, which is deleted when it is closed.

    :param load: unpickles a block
    """

    def __init__(self, load: Callable[[bytes], list[Entry]] = pickle.loads) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self.load = load
        self.runs: list[tuple[int, int]] = []
        self.end = 0

    def write(self, pieces: Iterable[bytes]) -> tuple[int, int]:
        """Appends bytes, and returns where they begin and end."""
        start = self.end
        for piece in pieces:
            self.file.write(piece)
            self.end += len(piece)
        self.file.flush()
        return start, self.end

    def write_run(self, pieces: Iterable[bytes]) -> None:
        """Appends a run: the bytes of its frames, in pieces that may be cut anywhere."""
        self.runs.append(self.write(pieces))

    def read(self, start: int, end: int) -> bytes:
        """Returns bytes that were written."""
        return os.pread(self.file.fileno(), end - start, start)

    def entries(self, start: int, end: int) -> Iterator[tuple[int, Any, list[Any], int]]:
        """Yields the entries of a run, each with about the number of bytes that it takes."""
        while start < end:
            head = start + frames.packed_size(b"")
            stop = start + frames.first_end(self.read(start, head))
            block = self.load(self.read(head, stop))
            total = sum(len(values) for _, _, values in block) or 1
            for number, key, values in block:
                yield number, key, values, (stop - head) * len(values) // total
            start = stop

    def merged(self) -> Iterator[tuple[int, Any, list[Any], int]]:
        """Yields the entries of all runs, in the order of their hashes."""
        return heapq.merge(*(self.entries(*run) for run in self.runs), key=itemgetter(0))

    def clear(self) -> None:
        """Empties the file."""
        self.file.seek(0)
        self.file.truncate()
        self.runs, self.end = [], 0

    def close(self) -> None:
        """Deletes the file."""
        self.file.close()


class Grouper:
    """
    Groups pairs by their keys.

    :param combine: the user's ``combine_function``, which makes one value of several, or None
    :param load: unpickles a block
    :param budget: bytes of pickled pairs that are kept in memory at most; None for ``BUDGET``
    """

    def __init__(
        self,
        combine: Callable[..., Any] | None = None,
        load: Callable[[bytes], list[Entry]] = pickle.loads,
        budget: int | None = None,
    ) -> None:
        self._combine = combine
        self._load = load
        self._budget = BUDGET if budget is None else budget
        self._groups: dict[Any, list[Any]] = {}
        self._weight = 0
        self._count = 0
        self._on_disk: RunFile | None = None

    def add(self, pairs: Iterable[tuple[Any, Any]], weight: int) -> None:
        """
        Takes pairs.

        :param pairs: keys and values
        :param weight: the bytes that they took when they were pickled
        """
        self._count += group_into(self._groups, pairs)
        self._added(weight)

    def add_entries(self, entries: Iterable[Entry], weight: int) -> None:
        """Takes entries of a block, as `add` takes pairs."""
        for _, key, values in entries:
            self._groups.setdefault(key, []).extend(values)
            self._count += len(values)
        self._added(weight)

    def add_run(self, pieces: Iterable[bytes]) -> None:
        """Takes a run, as the bytes of its frames, and keeps it on disk."""
        self._disk().write_run(pieces)

    def groups(self) -> Iterator[Group]:
        """
        Yields all groups, in the order of the hashes of their keys. The values of a group can be read until the next
        group is asked for.
        """
        if self._on_disk is None:
            for number, key in _in_order(self._groups):
                yield number, key, Values.of(self._groups[key])
            return
        self._spill()
        try:
            yield from _merged_groups(self._on_disk, self._budget)
        finally:
            self._on_disk.close()

    def _added(self, weight: int) -> None:
        self._weight += weight
        if self._weight <= self._budget:
            return
        if self._combine is not None:
            for key, values in self._groups.items():
                self._groups[key] = [combined(self._combine, key, values)]
            self._weight = self._weight * len(self._groups) // max(1, self._count)
            self._count = len(self._groups)
        if self._weight > self._budget // 2:
            self._spill()

    def _spill(self) -> None:
        groups = ((number, key, [self._groups[key]]) for number, key in _in_order(self._groups))
        self._disk().write_run(frames.pack([block]) for block in blocks_of(groups))
        self._groups, self._weight, self._count = {}, 0, 0

    def _disk(self) -> RunFile:
        if self._on_disk is None:
            self._on_disk = RunFile(self._load)
        return self._on_disk


def _in_order(groups: dict[Any, list[Any]]) -> list[tuple[int, Any]]:
    return sorted(((stable_hash(key), key) for key in groups), key=itemgetter(0))


def _merged_groups(runs: RunFile, budget: int) -> Iterator[Group]:
    """Yields the groups of all runs. If the values of keys with the same hash are too many, they are kept on disk."""
    spilled = RunFile()
    try:
        for number, entries in groupby(runs.merged(), key=itemgetter(0)):
            found: dict[Any, _Stored] = {}
            weight = 0
            for _, key, values, size in entries:
                found.setdefault(key, _Stored(spilled)).add(values)
                weight += size
                if weight > budget:
                    for stored in found.values():
                        stored.spill()
                    weight = 0
            for key, stored in found.items():
                yield number, key, Values(stored.count, stored.chunks)
            if spilled.end:
                spilled.clear()
    finally:
        spilled.close()


class _Stored:
    """Values of a key, some of them in memory and the others on disk."""

    def __init__(self, file: RunFile) -> None:
        self.count = 0
        self._file = file
        self._values: list[list[Any]] = []
        self._places: list[tuple[int, int]] = []

    def add(self, values: list[Any]) -> None:
        self._values.append(values)
        self.count += len(values)

    def spill(self) -> None:
        """Moves the values in memory to disk, one piece for each list. A list was part of a block, so it is small."""
        self._places += [self._file.write([dump_result(values)]) for values in self._values]
        self._values = []

    def chunks(self) -> Iterator[list[Any]]:
        for place in self._places:
            yield pickle.loads(self._file.read(*place))
        yield from self._values
