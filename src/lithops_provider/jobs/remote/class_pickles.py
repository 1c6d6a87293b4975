"""
Pickles of classes that travel by value, such as those of a DAG file. cloudpickle takes a class apart anew for each of
its instances that is pickled for itself, and puts it together anew for each that is unpickled: a millisecond each time,
where the instance takes microseconds. Here both are done once for all items, or all results, of a process.
`lithops_provider.jobs.submit.items` pickles items so, shipped_modules.py results; whoever reads either calls `load`.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Classes that are kept: a function may make a class for each item.
_MOST = 64
#: Finds what a pickle holds in which a class is a pickle of its own.
_has_class = re.compile(b"_pickle\x94\x8c\x05loads").search


class ClassPickles:
    """
    Keeps the pickle of each class that travels by value.

    :param dump: pickles a class by value
    """

    def __init__(self, dump: Callable[[type], bytes]) -> None:
        self._dump = dump
        self._known: dict[int, tuple[type, bytes]] = {}  # with the class, so that its id isn't given to another

    def reduce(self, cls: type) -> tuple[Any, tuple[bytes]]:
        """
        Returns a class taken apart, for a pickler: its pickle, and what unpickles that. It is what Python itself has,
        so that who reads the pickle needs nothing of this package.

        :param cls: one that travels by value
        """
        if id(cls) not in self._known:
            dumped = self._dump(cls)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[id(cls)] = cls, dumped
        return pickle.loads, (self._known[id(cls)][1],)


_loaded: dict[bytes, type] = {}


def _load_class(data: bytes, **options: Any) -> Any:
    """Unpickles a class once. Anything else, which may change once it is there, is unpickled each time."""
    if data in _loaded:
        return _loaded[data]
    value = pickle.loads(data, **options)
    if isinstance(value, type) and type(data) is bytes:
        if len(_loaded) >= _MOST:
            _loaded.clear()
        _loaded[data] = value
    return value


class _Unpickler(pickle.Unpickler):
    """Unpickles what has pickles of classes in it."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns what a name stands for."""
        return _load_class if (module, name) == ("_pickle", "loads") else super().find_class(module, name)


def load(data: bytes | memoryview) -> Any:
    """
    Unpickles an item or a result, in a process that may unpickle it.

    :param data: its pickle
    """
    return _Unpickler(io.BytesIO(data)).load() if _has_class(data) else pickle.loads(data)


def loader(data: bytes | memoryview) -> Callable[[bytes | memoryview], Any]:
    """
    Returns what unpickles many results the fastest.

    :param data: one of them, which most are like
    """
    return load if _has_class(data) else pickle.loads
