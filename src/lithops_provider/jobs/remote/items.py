"""
Runs items one after another in a process of their own, and reports their outcomes to its parent: ordinary ones through
shared memory, with one message for a block of them, and all others by a message each. item_process.py starts such a
process.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import math
import os
import pickle
import signal
import sys
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from . import injection
from .class_pickles import load
from .isolation import original_process
from .output import CapturedOutput, class_name, storable
from .reports import FAILURE, HANDED_BACK, LOAD_FAILURE, LOADED, ROWS, SUCCESS, WROTE, Message, peak_memory
from .shipped_modules import dump_by_value, load_function, names_shipped_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from .output import ItemFailure
    from .reports import Ring

#: Seconds after which a block ends, so that its items are reported.
_BLOCK = 0.05
#: Types whose values can be unpickled anywhere, since no class has to be imported for them, each with the protocol that
#: takes the fewest bytes: protocol 4 adds a frame of 9 bytes to pickles of more than 3.
_PROTOCOLS: dict[type, int] = dict.fromkeys((int, float, bool, type(None)), 3)
_PROTOCOLS.update(dict.fromkeys((str, bytes), pickle.HIGHEST_PROTOCOL))

#: How many values within a result that can't be pickled are searched for an iterator, which would explain it.
_LOOKED_AT = 1_000

MAX_TYPE = 200
MAX_MESSAGE = 4_000
MAX_TRACEBACK = 20_000


class CallSettings(TypedDict):
    """What holds for all calls of a round."""

    bucket: str
    #: Prefix of the round's objects in the bucket.
    job_prefix: str
    items_key: str
    stop_key: str
    #: Seconds that an item has; that a call has (None for no limit); and between two times that outcomes are stored.
    timeout: float
    limit: float | None
    flush: float
    #: Bytes of results after which a call begins another part; and bytes that are kept of what an item prints.
    part_size: int
    output_limit: int
    #: Whether a call must fail if it has run before, since the backend may run a call again by itself.
    once: bool
    #: Whether a call stores a marker that says that it has begun to run items.
    marked: bool


class ItemTimeoutError(BaseException):
    """Raised inside a function that takes too long. Not an Exception, so that `except Exception` doesn't swallow it."""


def is_skip(error: BaseException) -> bool:
    """Tells whether a function raised AirflowSkipException: its item succeeds with the result None."""
    return _is_airflows(error, "AirflowSkipException")


def is_fail(error: BaseException) -> bool:
    """Tells whether a function raised AirflowFailException: its item has failed, and isn't tried again."""
    return _is_airflows(error, "AirflowFailException")


def _is_airflows(error: BaseException, name: str) -> bool:
    """Knows Airflow's exceptions by name, since Airflow may be missing here, and has them in various modules."""
    return any(
        cls.__name__ == name and str(cls.__module__).partition(".")[0] == "airflow" for cls in type(error).__mro__
    )


def describe(error: BaseException, skip_frames: int = 1) -> ItemFailure:
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
    described: ItemFailure = {
        "type": storable(kind, MAX_TYPE),
        "message": storable(message, MAX_MESSAGE),
        "traceback": storable(text, MAX_TRACEBACK + 100),
    }
    if is_fail(error):
        described["final"] = True
    return described


def _shown(what: str, make: Callable[[], str]) -> str:
    """Returns a text that the user's code makes, such as a message. That code may raise anything."""
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
    Pickles a result. Classes that can't be imported elsewhere, such as those of the DAG file, are pickled by value.

    :raises TypeError: the value can't be pickled, or is a list of futures of another Lithops job
    """
    protocol = _PROTOCOLS.get(type(value))
    if protocol is not None:
        return pickle.dumps(value, protocol)
    futures = sys.modules.get("lithops.future")  # if it isn't loaded, no value can be a future
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
            raise TypeError(f"the result, of type {kind}, can't be pickled: {error}{_iterator_hint(value)}") from None


def _iterator_hint(value: Any) -> str:
    """Returns words for where in a result that can't be pickled the first iterator is, such as a generator, if any."""
    left = [("", value)]
    for _ in range(_LOOKED_AT):
        if not left:
            break
        place, inner = left.pop(0)
        if hasattr(type(inner), "__next__"):
            where = f"result{place} is a {class_name(type(inner))}: " if place else ""
            return f"; {where}return list(...) of it instead"
        entries: Iterable[tuple[Any, Any]] = enumerate(inner) if isinstance(inner, (list, tuple)) else ()
        if isinstance(inner, dict):
            entries = inner.items()
        left += [(f"{place}[{repr(key)[:50]}]", entry) for key, entry in itertools.islice(entries, _LOOKED_AT)]
    return ""


class ItemRunner:
    """
    Runs the items of a call.

    :param report: takes messages for the parent
    :param output_fd: descriptor of the file that takes what the function prints
    :param function: the pickled function with the arguments that all items share
    :param settings: see `lithops_provider.jobs.remote.batch.run_batch`
    :param deadline: `time.monotonic` after which no item is started
    :param ring: takes the outcomes of ordinary items, for which no message is sent
    :param begins: whether the call has done nothing yet. Then its first item is started whatever the deadline, so that
        each round gets something done
    """

    def __init__(
        self,
        report: Callable[[Message], None],
        output_fd: int,
        function: bytes,
        settings: CallSettings,
        deadline: float | None,
        ring: Ring,
        begins: bool,
    ) -> None:
        self.report = report
        self.pid = os.getpid()
        self.is_original = original_process()
        self.output = CapturedOutput(output_fd, settings["output_limit"])
        self.function = function
        self.timeout: float = settings["timeout"]
        self.deadline = math.inf if deadline is None else deadline
        self.ring = ring
        self.begins = begins
        self.block_end = 0.0
        self.item_since = 0.0
        self.in_item = False

    def run(self, items: Iterable[tuple[int, Any]]) -> None:
        """
        Runs the items and reports each.

        :param items: pairs of an index and an item, see `lithops_provider.jobs.remote.frames.ItemBlocks`
        """
        with self.output.installed(), self._logging():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGALRM, self._on_alarm)
            self._run_all(items)

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        """Takes what the function logs within this context; afterwards the worker's own process has its log again."""
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

    def _run_all(self, items: Iterable[tuple[int, Any]]) -> None:
        try:
            function, common_args, common_kwargs, injected = load_function(self.function)
            inject = injection.Injection(*injected)
        except BaseException as error:
            self._send(0, LOAD_FAILURE, time.time(), 0.0, json.dumps(describe(error)).encode())
            return
        self._send(0, LOADED, time.time(), 0.0, b"")
        self.inject = inject
        self._run_items(_caller(function, common_args, common_kwargs, inject), items)

    def _run_items(self, call: Callable[[int, Any], Any], items: Iterable[tuple[int, Any]]) -> None:
        """Runs the items. Whatever the loop does beside calling the function has to be fast."""
        clock, is_original, printed, inject = time.monotonic, self.is_original, self.output.is_there, self.inject
        add = self.ring.add
        longest, latest = 0.0, math.inf if self.begins else self.deadline
        since = self._begin_block()
        for index, item in items:
            if since > latest:
                self._hand_back(index)
                return
            result: bytes | ItemFailure
            try:
                self.item_since = since
                self.in_item = True
                result = dump_result(call(index, item))
                self.in_item = False
            except BaseException as error:
                result = self._after_error(error)
            if not is_original():
                self._end_if_forked(None)
            now = clock()
            seconds = now - since
            if seconds > longest:
                longest, latest = seconds, self.deadline - seconds
            silent = not (printed(seconds) or inject.unreported)
            if silent and type(result) is bytes and (room := add(result, since, seconds)):
                if room > 1 and now < self.block_end:
                    since = now  # the next item begins where this one ended, so the clock is read once per item
                    continue
                self._tell_of_rows()
            else:
                self._report(index, result, since, seconds)
            since = self._begin_block()

    def _after_error(self, error: BaseException) -> bytes | ItemFailure:
        """Returns why an item failed; or None, pickled, if its function raised AirflowSkipException."""
        self.in_item = False
        self._end_if_forked(error)
        if is_skip(error):
            text = storable(_shown("message", partial(str, error)), MAX_MESSAGE)
            print(f"skipped: {text}")  # noqa: T201 - the item's output
            return dump_result(None)
        return describe(error, skip_frames=2)

    def _report(self, index: int, result: bytes | ItemFailure, since: float, seconds: float) -> None:
        """Reports an item by a message. If the parent is gone, that fails, and this process ends."""
        started = time.time() - (time.monotonic() - since)
        if written := self.inject.take_written():
            self._send(index, WROTE, started, 0.0, json.dumps(written).encode(), output="")
        if isinstance(result, bytes):
            self._send(index, SUCCESS, started, seconds, result)
        else:
            self._send(index, FAILURE, started, seconds, json.dumps(result).encode())

    def _begin_block(self) -> float:
        """
        Begins another block, once the parent has been told of all rows so far.

        :returns: `time.monotonic` of when the first item of the block begins
        """
        now = time.monotonic()
        self.block_end = now + _BLOCK
        self.ring.begin_block(peak_memory(), now)
        return now

    def _tell_of_rows(self) -> None:
        """
        Tells the parent that there are rows to take. If the parent is gone, or the function has closed the pipe, this
        process ends. In the latter case, no item is to blame, and the items that are left run in another process.
        """
        with self._idle():
            self._send(0, ROWS, 0.0, 0.0, b"", output="")

    def _hand_back(self, index: int) -> None:
        """Tells the parent that there is no time for an item."""
        with self._idle():
            self._send(index, HANDED_BACK, time.time(), 0.0, b"")

    @contextlib.contextmanager
    def _idle(self) -> Iterator[None]:
        """Notes in the ring, if reporting fails within this context, that no item is to blame for the process's end."""
        try:
            yield
        except OSError:
            self.ring.set_idle()
            raise

    def _end_if_forked(self, error: BaseException | None) -> None:
        """
        Ends this process if it isn't the one that was started to run items, but one that the function has forked and
        that has returned from the function. It must report nothing: the process that it was forked from does.

        :param error: what the function has raised in this process; None if it has returned
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
        # The parent, or the timer, may be a moment late: the item for which the alarm was sent may be over.
        if self.in_item and time.monotonic() - self.item_since >= self.timeout:
            self.in_item = False
            raise ItemTimeoutError(f"the item took longer than its timeout of {self.timeout:g} seconds")

    def _send(
        self, index: int, kind: int, started: float, seconds: float, payload: bytes, output: str | None = None
    ) -> None:
        """Sends a message, with what was printed since the last one unless ``output`` is given."""
        self._end_if_forked(None)
        text = self.output.take() if output is None else output
        self.report(Message(index, kind, started, seconds, peak_memory(), self.ring.count, payload, text))


def _caller(
    function: Any, common_args: tuple[Any, ...], common_kwargs: dict[str, Any], inject: injection.Injection
) -> Callable[[int, Any], Any]:
    """Returns a function that calls the user's. It takes an item's index, and its arguments or the pickle of these."""
    injects = inject.always
    shares = injects or common_args or common_kwargs

    def call(index: int, item: Any) -> Any:
        args, kwargs, special = load(item) if type(item) is bytes else item
        if shares or special is not None:
            args, kwargs = (*args, *common_args), {**common_kwargs, **kwargs}
            if injects or special is not None:
                args, kwargs = inject(index, args, kwargs, special)
        return function(*args, **kwargs)

    return call
