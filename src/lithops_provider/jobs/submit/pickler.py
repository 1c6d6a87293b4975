"""
The pickler for functions and items, which payload.py and items.py use. It extends cloudpickle's: it pickles objects
that cloudpickle can't, refuses objects of packages that the runtime lacks, and notes the modules that a pickle needs.
"""

from __future__ import annotations

import functools
import hashlib
import io
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle
from cloudpickle import cloudpickle as internal

from lithops_provider.jobs.adapter.modules import NOT_IN_RUNTIME
from lithops_provider.jobs.binding.function import is_task_decorator
from lithops_provider.jobs.remote.class_pickles import ClassPickles
from lithops_provider.jobs.remote.shipped_modules import reduce_code
from lithops_provider.jobs.submit.imports import all_imports
from lithops_provider.jobs.submit.reductions import REDUCED, reduce_functools


class NotInRuntimeError(Exception):
    """
    An object belongs to a package that isn't installed where functions run.

    :param value: the object
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(f"{describe(value)}, doesn't travel: the functions run without Airflow")


_NAMED = (*REDUCED, type)

#: Functions and classes that are pickled by value, by the name of their module and by their name in it.
Shipped = dict[str, dict[str, Any]]


@dataclass
class NeededModules:
    """
    The names of the modules that functions and items need where they run.

    :param shipped: modules that are to be shipped if the runtime lacks them
    :param required: modules without which the functions and items can't even be unpickled there
    """

    shipped: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)


class JobPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """
    Writes a function or items into a buffer. Modules that are to be pickled by value have to be registered with
    cloudpickle before a pickler is made.

    :param buffer: where the pickle goes
    :param modules: gets the names of the modules that the pickle needs
    :param shipped: gets the functions and classes that go by value
    """

    def __init__(
        self, buffer: io.BytesIO, modules: NeededModules | None = None, shipped: Shipped | None = None
    ) -> None:
        super().__init__(buffer)
        self._modules = modules if modules is not None else NeededModules()
        self._shipped = shipped if shipped is not None else {}
        self._by_value = cloudpickle.list_registry_pickle_by_value()
        self._by_value_roots = {name.partition(".")[0] for name in (*self._by_value, "__main__")}

    def reducer_override(self, obj: Any) -> Any:
        """Reduces an object in another way than cloudpickle does, or refuses it."""
        if is_task_decorator(obj):
            return _as_plain(obj).__reduce__()
        if isinstance(obj, CodeType):
            return reduce_code(obj, self.dispatch_table)
        if _not_in_runtime(obj) and getattr(obj, "__module__", None) not in self._by_value:
            raise NotInRuntimeError(obj)
        if isinstance(obj, _NAMED) and getattr(obj, "__module__", None) in self._by_value:
            _note_shipped(obj, self._shipped)
        if isinstance(obj, REDUCED) and not _goes_by_reference(obj, self._by_value):
            reduced = reduce_functools(obj)
            if reduced is not None:
                return reduced
        if isinstance(obj, ModuleType):
            self._modules.shipped.add(obj.__name__)
            if obj.__name__ in sys.modules:  # cloudpickle sends others by value
                self._require(obj.__name__)
        elif isinstance(obj, type) or callable(obj):
            self._note(obj)
        return super().reducer_override(obj)

    def _note(self, obj: Any) -> None:
        """Notes the modules that are needed to unpickle a class, a function or another callable."""
        module = getattr(obj, "__module__", None)
        if isinstance(obj, FunctionType):
            self._modules.shipped.update(all_imports(obj.__code__))
        if isinstance(obj, type) and module in self._by_value and (name := _stable_name(obj)) is not None:
            internal._lookup_class_or_track(name, obj)
        named = isinstance(obj, (type, FunctionType))
        if isinstance(module, str) and (not named or _found_in_module(obj)) and not self._goes_by_value(module):
            self._modules.shipped.add(module)
            if named:
                self._require(module)

    def _goes_by_value(self, module: str) -> bool:
        """Tells whether a module, or a package that it is in, is registered with cloudpickle."""
        parts = module.split(".")
        return any(".".join(parts[:count]) in self._by_value for count in range(len(parts), 0, -1))

    def _require(self, module: str) -> None:
        if module.partition(".")[0] not in self._by_value_roots:
            self._modules.required.add(module)


class InstancePickler(JobPickler):
    """
    Pickles many values that are of the same few classes: each class that goes by value is pickled once. Its parameters
    are those of `JobPickler`.
    """

    def __init__(
        self, buffer: io.BytesIO, modules: NeededModules | None = None, shipped: Shipped | None = None
    ) -> None:
        super().__init__(buffer, modules, shipped)

        def dump_class(cls: type) -> bytes:
            alone = io.BytesIO()
            JobPickler(alone, modules, shipped).dump(cls)
            return alone.getvalue()

        self._classes = ClassPickles(dump_class)

    def reducer_override(self, obj: Any) -> Any:
        """Reduces a class to its pickle, and any other object as `JobPickler` does."""
        if isinstance(obj, type) and not internal._should_pickle_by_reference(obj):
            return self._classes.reduce(obj)
        return super().reducer_override(obj)


def _note_shipped(value: Any, shipped: Shipped) -> None:
    """Notes a function or class if its module has it under its name, perhaps under one of Airflow's decorators."""
    module, name = value.__module__, getattr(value, "__qualname__", "")
    found: Any = getattr(sys.modules.get(module), name, None)
    if value is found or (is_task_decorator(found) and value is found.function):
        shipped.setdefault(module, {})[name] = value


def _as_plain(decorated: Any) -> functools.partial[Any]:
    """
    Returns what takes the place of a decorated function where functions run: a callable that calls the plain function,
    and has it as ``.function``, as the decorated one does.
    """
    plain = functools.partial(decorated.function)
    plain.__dict__.update(function=decorated.function, __wrapped__=decorated.function)
    return plain


def describe(value: Any) -> str:
    """Returns words for a value, for messages: its name if it has one, or else its type."""
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if isinstance(value, (type, FunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    return f"of type {type(value).__module__}.{type(value).__qualname__}"


def _not_in_runtime(value: Any) -> bool:
    if isinstance(value, ModuleType):
        name = value.__name__
    elif isinstance(value, (type, FunctionType)):
        name = value.__module__
    else:
        name = type(value).__module__
    return isinstance(name, str) and name.partition(".")[0] in NOT_IN_RUNTIME


def _goes_by_reference(value: Any, by_value: Collection[str]) -> bool:
    """Tells whether a value is pickled as its module and name, so that it is imported where the functions run."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__" or module in by_value:
        return False
    return _found_in_module(value)


def _stable_name(cls: type) -> str | None:
    """
    Returns a name by which cloudpickle recognises a class that comes from another process. By itself, cloudpickle makes
    up another name in each process. Then the class of a result would differ from the class of the same name in the next
    function that takes the result.
    """
    digest = _digest_of(getattr(sys.modules.get(cls.__module__), "__file__", None))
    return f"{digest}:{cls.__module__}:{cls.__qualname__}" if digest is not None and _found_in_module(cls) else None


def _found_in_module(value: Any) -> bool:
    """Tells whether a class or function is in its module under its name. If not, cloudpickle pickles it by value."""
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


@functools.lru_cache(maxsize=64)
def _digest_of(file: str | None) -> str | None:
    """Returns a digest of a file, which differs between versions. It is read once, since modules aren't reloaded."""
    try:
        with open(file or "", "rb") as opened:
            return hashlib.sha256(opened.read()).hexdigest()[:16]
    except OSError:
        return None
