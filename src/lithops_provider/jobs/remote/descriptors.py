"""A file descriptor of ours in a process that runs functions, which may close any and open others."""

from __future__ import annotations

import contextlib
import os


class OwnDescriptor:
    """
    Notices when the function has closed a descriptor of ours, so that nothing is written into, or cut off, the file
    that has its number by now.

    :param fd: the descriptor
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._file = _file_of(fd)

    def is_ours(self) -> bool:
        """Tells whether the descriptor still is the file that it was."""
        try:
            return _file_of(self.fd) == self._file
        except OSError:
            return False

    def close(self) -> None:
        """Closes it, unless the function has done that already. Afterwards `is_ours` is False for ever."""
        if self.is_ours():
            with contextlib.suppress(OSError):
                os.close(self.fd)
        self._file = None


def _file_of(fd: int) -> tuple[int, int] | None:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
