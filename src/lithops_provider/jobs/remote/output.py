"""
Makes texts that come from a function storable, so that every database and encoder takes them, and captures what it
prints, within bounds: an item that prints 100 MB must not flood a log. items.py and item_process.py call it, and
whoever reads texts of functions outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from typing import TYPE_CHECKING, Any

from .isolation import OwnDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypedDict

    class ItemFailure(TypedDict, total=False):
        """
        Why an item failed, as JSON in a part's head. A function's process has written it, so whoever reads it has to
        expect that a key is missing, or that a value is of another type. ``final`` is there if the function raised
        AirflowFailException.
        """

        type: str
        message: str
        traceback: str
        final: bool


_CUT = "..."
#: Seconds that are too short for any code to start a process, or to open a file and write to it.
_QUICK = 10e-6


def storable(text: str, limit: int) -> str:
    """
    Returns a text that can be stored anywhere: what UTF-8 can't encode (lone surrogates, as in file names that aren't
    UTF-8) and NUL, which PostgreSQL refuses, are escaped, and what is too long is cut.

    :param text: any text, also an instance of a subclass of `str`
    :param limit: characters to return at most
    """
    # The methods of `str` itself: a subclass may have others.
    text = str.__getitem__(text, slice(limit + 1))
    text = str.encode(text, "utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text if len(text) <= limit else text[: limit - len(_CUT)] + _CUT


def class_name(kind: type) -> str:
    """Returns the qualified name of a class, without running any code of the class or its metaclass."""
    name: str = type.__dict__["__qualname__"].__get__(kind)
    return name


class _ByteOutput(io.RawIOBase):
    """``sys.stdout.buffer``."""

    def __init__(self, output: CapturedOutput) -> None:
        super().__init__()
        self.output = output

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.output.fd

    def write(self, data: Any) -> int:
        return self.output.keep(bytes(data))


class CapturedOutput(io.TextIOBase):
    """
    Takes the place of ``sys.stdout`` and ``sys.stderr`` in the process that runs the items, and its file of the
    descriptors 1 and 2, so that the output of subprocesses and C code is kept, too. The output is in a file without a
    name, which the process's parent reads if the process dies.

    :param fd: descriptor of an empty file open for reading and writing
    :param limit: bytes kept of each item
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, fd: int, limit: int) -> None:
        super().__init__()
        self.fd = fd
        self._file = OwnDescriptor(fd)
        self.limit = limit
        self.written = 0
        self.buffer = _ByteOutput(self)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Redirects this process's output here within this context."""
        streams = sys.stdout, sys.stderr
        _flush_c_stdout()
        _buffer_c_stdout(_UNBUFFERED)  # so that a text is in the file before the item that printed it ends
        saved = os.dup(1), os.dup(2)
        os.dup2(self.fd, 1)
        os.dup2(self.fd, 2)
        sys.stdout = sys.stderr = self
        try:
            yield
        finally:
            _flush_c_stdout()
            sys.stdout, sys.stderr = streams
            for target, fd in enumerate(saved, start=1):
                os.dup2(fd, target)
                os.close(fd)
            _buffer_c_stdout(_LINES if os.isatty(1) else _FULLY)

    def fileno(self) -> int:
        """Returns the file's descriptor."""
        return self.fd

    def isatty(self) -> bool:
        """Returns False."""
        return False

    def writable(self) -> bool:
        """Returns True."""
        return True

    def write(self, text: str) -> int:
        """Keeps ``text``."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.keep(text.encode(self.encoding, self.errors))
        return len(text)

    def keep(self, data: bytes) -> int:
        """Keeps ``data`` as far as the limit allows, and counts the rest."""
        room = self.limit - self.written
        self.written += len(data)
        if room > 0 and self._file.is_ours():
            with contextlib.suppress(OSError):  # a full disk must not fail the item
                os.write(self.fd, data[:room])
        return len(data)

    def reconfigure(self, **settings: Any) -> None:
        """Does nothing: there is nothing to set."""

    def is_there(self, seconds: float) -> bool:
        """
        Returns whether anything may have been printed since the last call of `take`, at little cost. After an item that
        was too quick to open the file anew, it only looks whether the offset has moved, which all writers share; after
        others, whether the file has a first byte.

        :param seconds: how long the item took
        """
        if self.written:
            return True
        try:
            if seconds < _QUICK:
                return os.lseek(self.fd, 0, os.SEEK_CUR) != 0
            _flush_c_stdout()
            return os.pread(self.fd, 1, 0) != b"" and self._file.is_ours()
        except OSError:
            return False  # the function has closed it

    def take(self) -> str:
        """Returns what was printed since the last call, and empties the file."""
        _flush_c_stdout()
        text = take_output(self.fd, self.limit) if self._file.is_ours() else ""
        dropped = self.written - self.limit
        self.written = 0
        if dropped > 0:
            text += f"\n... {dropped} more bytes of output were dropped\n"
        return text


#: The ways in which C can buffer its output (_IOFBF, _IOLBF, _IONBF).
_FULLY, _LINES, _UNBUFFERED = range(3)


def _c_stdout() -> tuple[Callable[[], object], Callable[[int], object]]:
    try:
        flush, set_buffer = ctypes.pythonapi.fflush, ctypes.pythonapi.setvbuf
        stdout = ctypes.c_void_p.in_dll(ctypes.pythonapi, "stdout")
    except (AttributeError, ValueError):  # another C library
        return lambda: None, lambda how: None
    return lambda: flush(stdout), lambda how: set_buffer(stdout, None, how, ctypes.c_size_t(0))


#: Flushes what C code has printed, which a process that ends by `os._exit` would lose; and sets how it is buffered.
_flush_c_stdout, _buffer_c_stdout = _c_stdout()


def take_output(fd: int, limit: int) -> str:
    """
    Empties the file of a `CapturedOutput`.

    :param fd: the file's descriptor
    :param limit: bytes to return at most
    """
    size = os.fstat(fd).st_size
    if not size:
        return ""
    text = storable(os.pread(fd, limit, 0).decode("utf-8", "replace"), limit)
    if size > limit:
        text += f"\n... {size - limit} more bytes of output were dropped\n"
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    return text
