"""
Runs items one after another in a process of their own, and reports their outcomes: ordinary ones through shared
memory, of which the parent is told once a block, and all others by a message through a pipe.
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

    from .reports import Ring

#: Seconds after which a block ends, so that its items are reported.
_BLOCK = 0.05
#: Types whose values have no class that would have to be there where they are unpickled; and those of them that are
#: smaller in the protocol before 4, which puts what is longer than 3 bytes into a frame of 9 more.
_PLAIN = frozenset({int, float, bool, type(None), str, bytes})
_NUMBERS = frozenset({int, float, bool, type(None)})
_WITHOUT_FRAMES = 3

#: Values of a result among which an iterator is looked for, to say why the result can't be pickled.
_LOOKED_AT = 1_000

MAX_TYPE = 200
MAX_MESSAGE = 4_000
MAX_TRACEBACK = 20_000


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
    if type(value) in _PLAIN:
        return pickle.dumps(value, _WITHOUT_FRAMES if type(value) in _NUMBERS else pickle.HIGHEST_PROTOCOL)
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
            raise TypeError(f"the result, of type {kind}, can't be pickled: {error}{_iterator_hint(value)}") from None


def _iterator_hint(value: Any) -> str:
    """Says where in a result that can't be pickled the first iterator is, such as a generator, if there is one."""
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

    :param report: takes what there is to say
    :param output_fd: descriptor of the file that takes what the function prints
    :param function: the pickled function with the arguments all items share
    :param settings: see `lithops_provider.jobs.remote.batch.run_batch`
    :param deadline: `time.monotonic` after which no item is started
    :param ring: takes what ordinary items leave; None to report them, too
    :param begins: whether the call has done nothing yet: then its first item is started whatever the deadline, so that
        rounds don't follow each other for ever
    """

    def __init__(
        self,
        report: Callable[[Message], None],
        output_fd: int,
        function: bytes,
        settings: CallSettings,
        deadline: float | None,
        ring: Ring | None = None,
        begins: bool = False,
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
        self.parent = os.getppid()
        self.block_end = 0.0
        self.item_since = 0.0
        self.in_item = False

    def run(self, items: Iterable[tuple[int, Any]]) -> None:
        """
        Runs the items and reports each.

        :param items: the index of each, and the item, see `lithops_provider.jobs.remote.frames.ItemBlocks`
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
        """Runs the items. All that is done here is done for each, so it has to be little."""
        clock, is_original, printed, inject = time.monotonic, self.is_original, self.output.is_there, self.inject
        add = _no_room if self.ring is None else self.ring.add
        longest, latest = 0.0, math.inf if self.begins else self.deadline
        since = self._begin_block()
        for index, item in items:
            if since > latest:
                self._hand_back(index)
                return
            result: bytes | dict[str, Any]
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
            silent = not (printed(seconds) or inject.untold)
            if silent and type(result) is bytes and (room := add(result, since, seconds)):
                if room > 1 and now < self.block_end:
                    since = now  # where one ends the next begins: the clock is read once an item
                    continue
                self._tell_of_rows()
            else:
                self._report(index, result, since, seconds)
            if os.getppid() != self.parent:
                return  # whoever would take the outcomes is gone
            since = self._begin_block()

    def _after_error(self, error: BaseException) -> bytes | dict[str, Any]:
        """Returns why an item failed, or the pickled None if it only said that it is to be skipped."""
        self.in_item = False
        self._end_if_forked(error)
        if is_skip(error):
            text = storable(_shown("message", partial(str, error)), MAX_MESSAGE)
            print(f"skipped: {text}")  # noqa: T201 - the item's output
            return dump_result(None)
        return describe(error, skip_frames=2)

    def _report(self, index: int, result: bytes | dict[str, Any], since: float, seconds: float) -> None:
        """Reports an item by a message."""
        started = time.time() - (time.monotonic() - since)
        if written := self.inject.take_written():
            self._send(index, WROTE, started, 0.0, json.dumps(written).encode(), output="")
        if isinstance(result, bytes):
            self._send(index, SUCCESS, started, seconds, result)
        else:
            self._send(index, FAILURE, started, seconds, json.dumps(result).encode())

    def _begin_block(self) -> float:
        """
        Notes that the parent knows of all there is so far.

        :returns: `time.monotonic`: when the first item of the block begins
        """
        now = time.monotonic()
        self.block_end = now + _BLOCK
        if self.ring is not None:
            self.ring.begin_block(peak_memory(), now)
        return now

    def _tell_of_rows(self) -> None:
        """
        Tells the parent that there are rows to take. No item runs meanwhile: should the function have closed the pipe,
        this process ends, and the items to come run in another one.
        """
        with self._idle(self.ring):
            self._send(0, ROWS, 0.0, 0.0, b"", output="")

    def _hand_back(self, index: int) -> None:
        """Tells the parent that there is no time for an item."""
        with self._idle(self.ring):
            self._send(index, HANDED_BACK, time.time(), 0.0, b"")

    @staticmethod
    @contextlib.contextmanager
    def _idle(ring: Ring | None) -> Iterator[None]:
        """Notes that no item is to blame if this process ends for what is done here."""
        try:
            yield
        except OSError:
            if ring is not None:
                ring.set_idle()
            raise

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

    def _send(
        self, index: int, kind: int, started: float, seconds: float, payload: bytes, output: str | None = None
    ) -> None:
        """Sends a message, with what was printed since the last one unless ``output`` is given."""
        self._end_if_forked(None)
        rows = 0 if self.ring is None else self.ring.count
        text = self.output.take() if output is None else output
        self.report(Message(index, kind, started, seconds, peak_memory(), rows, payload, text))


def _no_room(result: bytes, since: float, seconds: float) -> int:
    """Stands for `Ring.add` where there is no ring."""
    return 0


def _caller(
    function: Any, common_args: tuple[Any, ...], common_kwargs: dict[str, Any], inject: injection.Injection
) -> Callable[[int, Any], Any]:
    """Returns what calls the function with an item, of which it takes the index and the arguments, pickled or not."""
    injects = inject.always

    def call(index: int, item: Any) -> Any:
        args, kwargs, special = load(item) if type(item) is bytes else item
        if common_kwargs:
            kwargs = {**common_kwargs, **kwargs}
        if injects or special is not None:
            args, kwargs = inject(index, (*args, *common_args), kwargs, special)
            return function(*args, **kwargs)
        return function(*args, *common_args, **kwargs)

    return call
