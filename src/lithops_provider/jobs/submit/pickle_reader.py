"""
Reads a pickle without importing or calling anything that it names. What the pickle would build comes out as values of
the classes below, which digest.py digests.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from typing import Any, ClassVar


class UndigestibleError(Exception):
    """A pickle can't be read in this way, so it isn't known whether its value equals another."""


def read_pickle(blob: bytes) -> Any:
    """
    Reads a pickle. Plain data, which most arguments are, is read by Python's own reader; `_Reader` takes 20 times as
    long.
    """
    try:
        return _PlainReader(io.BytesIO(blob)).load()
    except Exception:  # the pickle isn't of plain data
        return _Reader(blob).load()


class _PlainReader(pickle.Unpickler):
    """Reads a pickle in which nothing is imported."""

    def find_class(self, module: str, name: str) -> Any:
        """Gives up, so that `_Reader` reads the pickle."""
        raise UndigestibleError(f"{module}:{name}")


class Global(str):
    """The name of something that the pickle would import."""

    __slots__ = ()


class Built:
    """
    An object that the pickle would get by a call.

    :param call: what is called, and with which arguments
    """

    def __init__(self, *call: Any) -> None:
        self.call = call
        self.state: list[Any] = []
        self.entries: list[Any] = []
        #: The parts of all this that make up its value, once `digest.py` has found them out.
        self.parts: list[Any] | None = None

    def append(self, entry: Any) -> None:
        """Adds an entry, as to a list: the object may be of a class of lists."""
        self.entries.append(entry)

    def extend(self, entries: Iterable[Any]) -> None:
        """Adds entries, as to a list: the object may be of a class of lists."""
        self.entries.extend(entries)


class Set:
    """
    A set, whose entries need not be hashable here.

    :param kind: the name of its class
    :param entries: what is in it
    """

    def __init__(self, kind: str, entries: list[Any]) -> None:
        self.kind = kind
        self.entries = entries


class Dict:
    """A dict, whose keys need not be hashable here."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, Any]] = []


#: Python's reader of pickles that is written in Python, so that its steps can be replaced one by one.
_PythonUnpickler: Any = getattr(pickle, "_Unpickler")  # noqa: B009 - not in the typed interface


class _Reader(_PythonUnpickler):  # type: ignore[misc]
    """Reads a pickle into the classes above."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, blob: bytes) -> None:
        super().__init__(io.BytesIO(blob))

    def find_class(self, module: str, name: str) -> Global:
        """Returns the name alone: nothing is imported."""
        return Global(f"{module}:{name}")

    def get_extension(self, code: int) -> None:
        """Refuses extensions, which are numbers that only the writing process can explain."""
        raise UndigestibleError(f"extension {code}")

    def load_empty_set(self) -> None:
        self.append(Set("set", []))

    def load_additems(self) -> None:
        entries = self.pop_mark()
        self.stack[-1].entries.extend(entries)

    def load_frozenset(self) -> None:
        entries = self.pop_mark()  # first, since it changes what `append` is
        self.append(Set("frozenset", entries))

    def load_empty_dict(self) -> None:
        self.append(Dict())

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1].entries.append((key, value))

    def load_setitems(self) -> None:
        entries = self.pop_mark()
        self.stack[-1].entries.extend(zip(entries[::2], entries[1::2], strict=True))

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function == "_pickle:loads" and len(arguments) == 1 and isinstance(arguments[0], bytes):
            # A pickle within the pickle: see `lithops_provider.jobs.remote.class_pickles`.
            self.append(_Reader(arguments[0]).load())
            return
        self.append(Built("call", function, arguments))

    def load_newobj(self) -> None:
        arguments, cls = self.stack.pop(), self.stack.pop()
        self.append(Built("new", cls, arguments))

    def load_newobj_ex(self) -> None:
        keywords, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.append(Built("new", cls, arguments, keywords))

    def load_build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].state.append(state)

    def load_pop(self) -> None:
        """
        Drops a value. A call whose result is dropped sets the state of its first argument: cloudpickle sets that of
        functions so.
        """
        dropped = self.stack[-1] if self.stack else None
        super().load_pop()
        if isinstance(dropped, Built) and isinstance(dropped.call[2], tuple) and dropped.call[2]:
            target, *state = dropped.call[2]
            if isinstance(target, Built):
                target.state.append((dropped.call[1], state))

    for _code, _step in (
        (pickle.POP, load_pop),
        (pickle.EMPTY_SET, load_empty_set),
        (pickle.ADDITEMS, load_additems),
        (pickle.FROZENSET, load_frozenset),
        (pickle.EMPTY_DICT, load_empty_dict),
        (pickle.SETITEM, load_setitem),
        (pickle.SETITEMS, load_setitems),
        (pickle.REDUCE, load_reduce),
        (pickle.NEWOBJ, load_newobj),
        (pickle.NEWOBJ_EX, load_newobj_ex),
        (pickle.BUILD, load_build),
    ):
        dispatch[_code[0]] = _step
