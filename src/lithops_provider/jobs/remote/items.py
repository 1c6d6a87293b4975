"""Runs items one after another in a process of their own, and reports each outcome through a pipe."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import pickle
import resource
import signal
import struct
import sys
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from . import injection
from .by_value import dump_by_value
from .isolation import OwnDescriptor
from .output import CapturedOutput, class_name, storable
from .shipped_modules import load_function, names_shipped_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

SUCCESS, FAILURE, LOADED, LOAD_FAILURE, HANDED_BACK, WROTE = range(6)

#: index, kind, started, seconds, peak memory, length of the payload, length of the output
_MESSAGE = "<QBddQQQ"
_MESSAGE_SIZE = struct.calcsize(_MESSAGE)

#: Bytes to take out of the pipe in one go.
_READ_AT_ONCE = 1 << 20

MAX_TYPE = 200
MAX_MESSAGE = 4_000
MAX_TRACEBACK = 20_000
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


class CallSettings(TypedDict):
    """What holds for all calls of a round."""

    bucket: str
    #: Of the round's objects in the bucket.
    job_prefix: str
    items_key: str
    stop_key: str
    #: Seconds that an item has, that a call has (None for no limit), and between stores of what is done.
    timeout: float
    limit: float | None
    flush: float
    #: Bytes of results after which a call begins another part, and that are kept of what an item prints.
    part_size: int
    output_limit: int
    #: Whether the backend may run a call again by itself.
    once: bool
    #: Whether a call leaves a mark that it has begun.
    marked: bool
    #: Whether a single item, too, gets a process of its own.
    watched: bool


class ItemTimeoutError(BaseException):
    """Raised inside a function that takes too long. Not an Exception: `except Exception` must not swallow it."""


def is_skip(error: BaseException) -> bool:
    """Tells whether a function raised AirflowSkipException: its item is to count as None, and not as failed."""
    return _is_airflows(error, "AirflowSkipException")


def is_fail(error: BaseException) -> bool:
    """Tells whether a function raised AirflowFailException: its item has failed, and is not to be tried again."""
    return _is_airflows(error, "AirflowFailException")


def _is_airflows(error: BaseException, name: str) -> bool:
    """Knows Airflow's exceptions by name: Airflow needn't be here, and each release has them in other modules."""
    return any(
        cls.__name__ == name and str(cls.__module__).partition(".")[0] == "airflow" for cls in type(error).__mro__
    )


def describe(error: BaseException, skip_frames: int = 1) -> dict[str, Any]:
    """
    Returns an exception as text that can be stored, see `lithops_provider.jobs.remote.output.storable`.

    :param error: a caught exception
    :param skip_frames: how many of our own frames to leave out of its traceback
    """
    trace = error.__traceback__
    for _ in range(skip_frames):
        trace = trace.tb_next if trace is not None else None
    kind = "TimeoutError" if isinstance(error, ItemTimeoutError) else class_name(type(error))
    message = _shown("message", lambda: str(error))
    text = _shown("traceback", lambda: "".join(traceback.format_exception(type(error), error, trace)))
    text = text.replace("lithops_provider.jobs.remote.items.ItemTimeoutError", "TimeoutError")
    if len(text) > MAX_TRACEBACK:
        text = f"{text[: MAX_TRACEBACK // 2]}\n...\n{text[-MAX_TRACEBACK // 2 :]}"
    described = {
        "type": storable(kind, MAX_TYPE),
        "message": storable(message, MAX_MESSAGE),
        "traceback": storable(text, MAX_TRACEBACK + 100),
    }
    return {**described, "final": True} if is_fail(error) else described


def _shown(what: str, make: Callable[[], str]) -> str:
    """Returns a text that code of the function makes, which may fail in any way, also by what it raises."""
    try:
        return make()
    except BaseException as problem:
        try:
            reason = repr(problem)
        except BaseException:
            reason = class_name(type(problem))
        return f"<its {what} can't be shown: {reason}>"


def dump_result(value: Any) -> bytes:
    """
    Pickles a result; by value what can't be imported elsewhere, such as an instance of a class of the DAG file.

    :raises TypeError: the value can't be pickled, or is of another Lithops job's futures
    """
    futures = sys.modules.get("lithops.future")  # without it there are none
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    if futures is not None and isinstance(first, futures.ResponseFuture):
        raise TypeError(
            "the function returned Lithops futures: a job of its own that nobody waits for. Have it wait for their "
            "results: return fexec.get_result()"
        )
    try:
        by_name = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        return dump_by_value(value) if names_shipped_module(by_name) else by_name
    except Exception:
        try:
            return dump_by_value(value)
        except Exception as error:
            kind = class_name(type(value))
            hint = "; return list(...) of it instead" if hasattr(value, "__next__") else ""
            raise TypeError(f"the result, of type {kind}, can't be pickled: {error}{hint}") from None


class Message(NamedTuple):
    """
    What the process that runs the items has to say.

    :param item: its index
    :param kind: ``SUCCESS``, or another of them
    :param started: seconds since the epoch
    :param seconds: how long the item took
    :param peak_memory: bytes, of the process
    :param payload: the pickled result, or as JSON the failure or where the item has written
    :param output: what the item printed
    """

    item: int
    kind: int
    started: float
    seconds: float
    peak_memory: int
    payload: bytes
    output: str

    def failure(self) -> dict[str, Any]:
        """Returns the failure, if it tells of one."""
        failure: dict[str, Any] = json.loads(self.payload)
        return failure


class ItemRunner:
    """
    Runs the items of a call.

    :param report: takes what there is to say
    :param output_fd: descriptor of the file that takes what the function prints
    :param function: the pickled function with the arguments all items share
    :param settings: see `lithops_provider.jobs.remote.batch.run_batch`
    :param deadline: `time.monotonic` after which no item is started
    """

    def __init__(
        self,
        report: Callable[[Message], None],
        output_fd: int,
        function: bytes,
        settings: CallSettings,
        deadline: float | None,
    ) -> None:
        self.report = report
        self.pid = os.getpid()
        self.output = CapturedOutput(output_fd, settings["output_limit"])
        self.function = function
        self.timeout: float = settings["timeout"]
        self.deadline = deadline
        self.item_since = 0.0
        self.in_item = False

    def run(self, items: Iterable[tuple[int, memoryview]]) -> None:
        """
        Runs the items and reports each.

        :param items: index and pickled arguments of each
        """
        with self.output.installed(), self._logging():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGALRM, self._on_alarm)
            self._run_all(items)

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        """Takes what the function logs, as long as it lasts: this may be the worker's own process."""
        root = logging.getLogger()
        before = root.handlers[:], root.level
        handler = logging.StreamHandler(self.output)
        handler.setFormatter(logging.Formatter("%(levelname)s - %(message)s"))
        root.handlers[:] = [handler]
        root.setLevel(logging.INFO)
        try:
            yield
        finally:
            root.handlers[:], level = before
            root.setLevel(level)

    def _run_all(self, items: Iterable[tuple[int, memoryview]]) -> None:
        try:
            function, common_args, common_kwargs, injected = load_function(self.function)
            inject = injection.Injection(*injected)
        except BaseException as error:
            self._send(0, LOAD_FAILURE, time.time(), 0.0, json.dumps(describe(error)).encode())
            return
        self._send(0, LOADED, time.time(), 0.0, b"")
        parent = os.getppid()
        longest = 0.0
        for index, blob in items:
            since = time.monotonic()
            if self.deadline is not None and since + longest > self.deadline:
                self._send(index, HANDED_BACK, time.time(), 0.0, b"")
                return
            if os.getppid() != parent:
                return  # whoever would take the outcome is gone
            started = time.time()
            self.item_since = since
            self.in_item = True
            kind, payload = self._run_one(function, index, blob, common_args, common_kwargs, inject)
            self._end_if_forked(None)
            seconds = time.monotonic() - since
            longest = max(longest, seconds)
            if written := inject.take_written():
                self.report(Message(index, WROTE, started, 0.0, 0, json.dumps(written).encode(), ""))
            self._send(index, kind, started, seconds, payload)

    def _run_one(
        self,
        function: Any,
        index: int,
        blob: memoryview,
        common_args: tuple[Any, ...],
        common_kwargs: dict[str, Any],
        inject: injection.Injection,
    ) -> tuple[int, bytes]:
        try:
            args, kwargs, special = pickle.loads(blob)
            if common_kwargs:
                kwargs = {**common_kwargs, **kwargs}
            args, kwargs = inject(index, (*args, *common_args), kwargs, special)
            result = function(*args, **kwargs)
            self._end_if_forked(None)
            payload = dump_result(result)
            self.in_item = False
            return SUCCESS, payload
        except BaseException as error:
            self.in_item = False
            self._end_if_forked(error)
            if is_skip(error):
                text = storable(_shown("message", partial(str, error)), MAX_MESSAGE)
                print(f"skipped: {text}")  # noqa: T201 - the item's output
                return SUCCESS, dump_result(None)
            return FAILURE, json.dumps(describe(error)).encode()

    def _end_if_forked(self, error: BaseException | None) -> None:
        """
        Ends this process if it isn't the one that was started to run items, but one that the function has forked and
        that has come back out of it. It has nothing to report: the item is that of the process it was forked from.

        :param error: what the function has raised in it
        """
        if os.getpid() == self.pid:
            return
        code = 0
        try:
            if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
                code = (error.code or 0) & 0xFF
            elif error is not None:
                code = 1
                traceback.print_exception(error)
        finally:
            os._exit(code)

    def _on_alarm(self, signum: int, frame: FrameType | None) -> None:
        # The parent, or the timer, may be a moment late: the item it meant can be over by now.
        if self.in_item and time.monotonic() - self.item_since >= self.timeout:
            self.in_item = False
            raise ItemTimeoutError(f"the item took longer than its timeout of {self.timeout:g} seconds")

    def _send(self, index: int, kind: int, started: float, seconds: float, payload: bytes) -> None:
        self._end_if_forked(None)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT
        self.report(Message(index, kind, started, seconds, peak, payload, self.output.take()))


class MessageWriter:
    """
    Puts messages into a pipe.

    :param fd: descriptor of its writing end
    """

    def __init__(self, fd: int) -> None:
        self._pipe = OwnDescriptor(fd)

    def __call__(self, message: Message) -> None:
        """
        Writes a message, however full the pipe is.

        :raises OSError: the function has closed the pipe
        """
        if not self._pipe.is_ours():
            os.write(2, b"the function has closed the file descriptor that its outcome is reported through\n")
            raise OSError(errno.EBADF, "the pipe is closed")
        *numbers, payload, output = message
        text = output.encode()
        view = memoryview(struct.pack(_MESSAGE, *numbers, len(payload), len(text)) + payload + text)
        while view:
            view = view[os.write(self._pipe.fd, view) :]

    def close(self) -> None:
        """Closes the pipe's end in this process, for which nothing is reported."""
        self._pipe.close()


class MessageReader:
    """
    Takes messages out of the pipe without blocking.

    :param fd: descriptor of the pipe's reading end
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.set_blocking(fd, False)
        self._buffer = bytearray()

    def read(self, all_of_it: bool = False) -> list[Message]:
        """
        Returns what is complete by now.

        :param all_of_it: empty the pipe; otherwise a writer that never pauses would keep its reader busy
        """
        wanted = len(self._buffer) + _READ_AT_ONCE
        with contextlib.suppress(BlockingIOError):
            while (all_of_it or len(self._buffer) < wanted) and (chunk := os.read(self.fd, _READ_AT_ONCE)):
                self._buffer += chunk
        messages = []
        position = 0
        while position + _MESSAGE_SIZE <= len(self._buffer):
            index, kind, started, seconds, peak, size, printed = struct.unpack_from(_MESSAGE, self._buffer, position)
            end = position + _MESSAGE_SIZE + size + printed
            if end > len(self._buffer):
                break
            start = position + _MESSAGE_SIZE
            payload = bytes(self._buffer[start : start + size])
            output = self._buffer[start + size : end].decode("utf-8", "replace")
            messages.append(Message(index, kind, started, seconds, peak, payload, output))
            position = end
        del self._buffer[:position]
        return messages
