"""
A part: the outcomes of some items of one call, as one object in storage.

Its key carries the counts, so one LIST of a job's prefix tells its whole progress. Its first frame is JSON (what the
API server and the triggerer may read); then comes one frame a success, the pickled result. A call rewrites its
last part as it goes on, and starts another when that one is big.
"""

from __future__ import annotations

import itertools
import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from . import frames

if TYPE_CHECKING:
    from .reports import Block

SUFFIX = ".part"

#: About what an item takes beside its result.
_ROW_SIZE = 50


class PartName(NamedTuple):
    """What the key of a part says. Counts are cumulative for the call."""

    first: int
    done: int
    failed: int


def part_key(call_prefix: str, name: PartName) -> str:
    """Returns the key of a part of the call whose objects lie under ``call_prefix``."""
    return f"{call_prefix}/{name.first:08d}-{name.done:08d}-{name.failed:08d}{SUFFIX}"


def parse_part_name(file_name: str) -> PartName | None:
    """
    Reads the counts from the last component of a key.

    :param file_name: for instance ``00000000-00000120-00000003.part``
    :returns: None when it isn't a part's name
    """
    if not file_name.endswith(SUFFIX):
        return None
    numbers = file_name[: -len(SUFFIX)].split("-")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        return None
    return PartName(*(int(number) for number in numbers))


class DamagedPartError(ValueError):
    """An object isn't a whole part: it was cut off, or never was one. What it would have held counts as missing."""


class PartBuilder:
    """The outcomes of a part while it grows."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.started: list[float] = []
        self.seconds: list[float] = []
        self.peak_memory: list[int] = []
        self.sizes: list[int] = []
        self.failures: dict[int, dict[str, Any]] = {}
        self.output: dict[int, str] = {}
        self.written: list[list[str]] = []
        self.results: list[bytes] = []
        self.size = 0
        self._crc = 0

    def add_success(self, index: int, started: float, seconds: float, peak_memory: int, result: bytes) -> None:
        """Adds the pickled result of an item."""
        self._add(index, started, seconds, peak_memory)
        self.results.append(result)
        self._crc = zlib.crc32(result, self._crc)
        self.sizes.append(len(result))
        self.size += len(result)

    def add_block(self, indices: list[int], block: Block, epoch: float) -> None:
        """
        Adds items that succeeded one after another.

        :param indices: of the items
        :param block: their outcomes
        :param epoch: `time.time` when `time.monotonic` was 0
        """
        self.indices += indices
        self.started += [round(epoch + started, 4) for started in block.started]
        self.seconds += [round(seconds, 6) for seconds in block.seconds]
        self.peak_memory += block.peak_memory
        self.sizes += block.sizes
        self._crc = zlib.crc32(block.results, self._crc)
        ends = itertools.accumulate(block.sizes)
        self.results += [block.results[end - size : end] for end, size in zip(ends, block.sizes, strict=True)]
        self.size += len(block.results) + _ROW_SIZE * len(indices)

    def add_failure(
        self, index: int, started: float, seconds: float, peak_memory: int, failure: dict[str, Any]
    ) -> None:
        """Adds why an item failed: ``type``, ``message``, ``traceback``."""
        self._add(index, started, seconds, peak_memory)
        self.failures[index] = failure
        self.sizes.append(0)
        self.size += sum(len(str(text)) for text in failure.values())

    def add_output(self, index: int, output: str) -> None:
        """Adds what an item printed."""
        self.output[index] = output
        self.size += len(output)

    def add_written(self, places: list[list[str]]) -> None:
        """Adds where items have written objects: bucket and prefix of each place."""
        self.written += places

    def _add(self, index: int, started: float, seconds: float, peak_memory: int) -> None:
        self.indices.append(index)
        self.started.append(round(started, 4))
        self.seconds.append(round(seconds, 6))
        self.peak_memory.append(peak_memory)
        self.size += _ROW_SIZE

    def encode(self) -> bytes:
        """Returns the part as it is stored."""
        header = {
            "index": self.indices,
            "started": self.started,
            "seconds": self.seconds,
            "peak_memory": self.peak_memory,
            "size": self.sizes,
            "crc": self._crc,
            "failures": self.failures,
            "output": self.output,
            "written": self.written,
        }
        return frames.pack([json.dumps(header, separators=(",", ":")).encode(), *self.results])
