"""
Keeps the pickled items of a job on disk where they are many, so that the memory of the process that sends them doesn't
grow with their number. items.py fills a `BlockSpool`, and all that reads a job's items reads it as it would a list.
"""

from __future__ import annotations

import logging
import os
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

logger = logging.getLogger(__name__)

#: Bytes of blocks that are kept in memory. Only what is beyond goes to disk, so that most jobs need none.
_IN_MEMORY = 4 << 20


class BlockSpool(Sequence[bytes]):
    """
    Blocks of items, of which only the first `_IN_MEMORY` bytes are in memory. The others are in a temporary file, which
    has no name and ends with this object, or with its process. If the disk is full or can't be written to, they are
    kept in memory.

    :param blocks: the blocks
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        #: Each block, or where in the file it begins and ends.
        self._entries: list[bytes | tuple[int, int]] = []
        self._descriptor: int | None = None
        self._full = False
        left = _IN_MEMORY
        end = 0
        for block in blocks:
            left -= len(block)
            if left < 0 and self._write(block, end):
                self._entries.append((end, end + len(block)))
                end += len(block)
            else:
                self._entries.append(block)

    def _write(self, block: bytes, place: int) -> bool:
        """Writes a block to the file, and returns whether it could."""
        if self._full:
            return False
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            if os.pwrite(self._descriptor, block, place) == len(block):
                return True
            reason = "the disk is full"
        except OSError as error:
            reason = str(error)
        logger.warning("Items can't be kept in a temporary file, and stay in memory: %s", reason)
        self._full = True
        return False

    def _open(self) -> int:
        """Returns the descriptor of a temporary file, which is closed when nobody has this object any more."""
        with tempfile.TemporaryFile(buffering=0) as file:
            descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, descriptor)
        return descriptor

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        entry = self._entries[number]
        if isinstance(entry, bytes):
            return entry
        start, end = entry
        assert self._descriptor is not None
        block = os.pread(self._descriptor, end - start, start)
        if len(block) < end - start:
            raise OSError(f"the temporary file with a job's items was cut off at byte {start + len(block)}")
        return block
