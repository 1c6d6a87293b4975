"""
Pickles a class that goes by value, such as one of a DAG file, once for all items or results of a process, and unpickles
it once. cloudpickle would take the class apart for each instance that is pickled on its own, and put it together for
each that is unpickled, which takes a millisecond each time, while the instance takes microseconds.
`lithops_provider.jobs.submit.items` pickles items with it, and shipped_modules.py results; readers of both call `load`.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many classes are kept at most, since a function may make a new class for each item.
_MOST = 64
#: Finds the bytes that a pickle has if it holds a class as a pickle of its own.
_has_class = re.compile(b"_pickle\x94\x8c\x05loads").search


class ClassPickles:
    """
    Keeps the pickle of each class that goes by value.

    :param dump: pickles a class by value
    """

    def __init__(self, dump: Callable[[type], bytes]) -> None:
        self._dump = dump
        self._known: dict[int, tuple[type, bytes]] = {}  # with the class, so that its id isn't given to another

    def reduce(self, cls: type) -> tuple[Any, tuple[bytes]]:
        """
        Reduces a class, for a pickler: to its own pickle, and the function that loads that. The function is Python's
        own, so that unpickling needs nothing of this package.

        :param cls: a class that goes by value
        """
        if id(cls) not in self._known:
            dumped = self._dump(cls)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[id(cls)] = cls, dumped
        return pickle.loads, (self._known[id(cls)][1],)


_loaded: dict[bytes, type] = {}


def _load_class(data: bytes, **options: Any) -> Any:
    """Unpickles a class once. Anything else is unpickled each time, since it may be changed afterwards."""
    if data in _loaded:
        return _loaded[data]
    value = pickle.loads(data, **options)
    if isinstance(value, type) and type(data) is bytes:
        if len(_loaded) >= _MOST:
            _loaded.clear()
        _loaded[data] = value
    return value


class _Unpickler(pickle.Unpickler):
    """Unpickles pickles that hold pickles of classes."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns the object of a name; `_load_class` for the function that loads the pickle of a class."""
        return _load_class if (module, name) == ("_pickle", "loads") else super().find_class(module, name)


def load(data: bytes | memoryview) -> Any:
    """
    Unpickles an item or a result, in a process that may unpickle it.

    :param data: its pickle
    """
    return _Unpickler(io.BytesIO(data)).load() if _has_class(data) else pickle.loads(data)


def loader(data: bytes | memoryview) -> Callable[[bytes | memoryview], Any]:
    """
    Returns the fastest function that unpickles many results of one kind.

    :param data: one of these results
    """
    return load if _has_class(data) else pickle.loads
