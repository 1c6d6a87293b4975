"""
Reduces objects of functools for pickler.py, since cloudpickle can't pickle those that hold a lock or weak references.
rebuilt.py rebuilds them where functions run.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

from lithops_provider.jobs.submit.rebuilt import register_implementations

#: The types of all objects that `reduce_functools` reduces.
REDUCED = (FunctionType, functools._lru_cache_wrapper, functools.cached_property, functools.singledispatchmethod)

#: What all functions under `functools.singledispatch` have in common.
_DISPATCHER_CODE = functools.singledispatch(lambda value: None).__code__  # type: ignore[attr-defined]


def reduce_functools(value: Any) -> tuple[Any, ...] | None:
    """
    Returns how to make a decorated function or attribute anew from the function under it, in the form that `__reduce__`
    has; None for any other value. The contents of a cache aren't pickled.

    :param value: a value that is to be pickled by value
    """
    if isinstance(value, functools._lru_cache_wrapper):
        unbounded = value.cache_parameters()["maxsize"] is None
        return (functools.cache if unbounded else functools.lru_cache), (value.__wrapped__,)
    if isinstance(value, functools.cached_property):
        state = {name: part for name, part in vars(value).items() if name not in ("func", "lock")}
        return type(value), (value.func,), state
    if isinstance(value, functools.singledispatchmethod):
        return _reduce_dispatcher(functools.singledispatchmethod, value.func, value.dispatcher.registry)
    if is_dispatcher(value):
        return _reduce_dispatcher(functools.singledispatch, value.__wrapped__, value.registry)
    return None


def is_dispatcher(value: Any) -> bool:
    """Tells whether a value is a function under `functools.singledispatch`."""
    return isinstance(value, FunctionType) and value.__code__ is _DISPATCHER_CODE


def _reduce_dispatcher(make: Any, default: Any, registry: Any) -> tuple[Any, ...]:
    return make, (default,), dict(registry), None, None, register_implementations
