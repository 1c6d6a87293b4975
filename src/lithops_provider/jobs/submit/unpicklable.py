"""
Finds what keeps a function from being shipped: the variable, and where the code refers to it. payload.py calls it once
pickling has failed, for the error message.
"""

from __future__ import annotations

import dis
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from lithops_provider.jobs.adapter.modules import NOT_IN_RUNTIME
from lithops_provider.jobs.binding.function import is_task_decorator
from lithops_provider.jobs.submit.pickler import NotInRuntimeError, describe
from lithops_provider.jobs.submit.reductions import is_dispatcher
from lithops_provider.jobs.text import function_name

#: Returns why a value can't be pickled, or None.
Problem = Callable[[Any], Exception | None]


class Reference(NamedTuple):
    """Something that a function refers to: its name in the function, words for the place there, and its value."""

    name: str
    where: str
    value: Any


def find_culprit(functions: list[Any], problem: Problem) -> str | None:
    """
    Returns words for the one thing among what functions refer to that can't be pickled; None if there is no such thing.

    :param functions: plain functions
    :param problem: returns why a value can't be pickled, or None
    """
    seen: set[int] = set()
    for function in functions:
        if (found := _search(function, "it", seen, problem)) is not None:
            return found
    return None


def _search(function: Any, subject: str, seen: set[int], problem: Problem) -> str | None:
    """Looks through what a function refers to, and through what these functions, classes and objects refer to."""
    seen.add(id(function))
    for reference in references(function):
        if id(reference.value) in seen or (error := problem(reference.value)) is None:
            continue
        if (found := _inside(reference, seen, problem)) is not None:
            return found
        name, where, value = reference
        return f"{subject} refers {where}to {name!r}, {_reason(value, error, function_name(function))}"
    return None


def _inside(reference: Reference, seen: set[int], problem: Problem) -> str | None:
    """Looks inside a value that can't be pickled for the thing in it that is at fault."""
    name, where, value = reference
    seen.add(id(value))
    if functions := [function for function in _functions_behind(value) if _is_users(function.__module__)]:
        return _search_all(functions, f"{name}, which it calls,", seen, problem)
    classes = [cls for cls in _class_of(value).__mro__ if _is_users(cls.__module__)]
    of_class = "" if isinstance(value, type) else f", of the class of {name},"
    for cls in classes:
        for key, attribute in vars(cls).items():
            methods = [method for method in _functions_behind(attribute) if id(method) not in seen]
            found = _search_all(methods, f"{cls.__qualname__}.{key}{of_class}", seen, problem)
            if found is not None:
                return found
    for label, part in _parts(name, value, classes):
        if id(part) not in seen and (error := problem(part)) is not None:
            deeper = _inside(Reference(label, where, part), seen, problem)
            return deeper or f"it refers {where}to {label!r}, {_reason(part, error, 'the function')}"
    return None


def _search_all(functions: list[FunctionType], subject: str, seen: set[int], problem: Problem) -> str | None:
    return next((found for function in functions if (found := _search(function, subject, seen, problem))), None)


def _class_of(value: Any) -> type:
    return value if isinstance(value, type) else type(value)


def _functions_behind(value: Any) -> list[FunctionType]:
    """Returns the plain functions under a decorator, such as a task, a property, a dispatcher or a cache."""
    behind: tuple[Any, ...] = ()
    if is_task_decorator(value):
        behind = (value.function,)
    elif isinstance(value, property):
        behind = (value.fget, value.fset, value.fdel)
    elif isinstance(value, functools.cached_property):
        behind = (value.func,)
    elif isinstance(value, functools.singledispatchmethod):
        behind = tuple(value.dispatcher.registry.values())
    elif is_dispatcher(value):
        behind = tuple(value.registry.values())
    elif isinstance(value, (classmethod, staticmethod)) or (callable(value) and not isinstance(value, type)):
        behind = (getattr(value, "__func__", value),)
    unwrapped = [inspect.unwrap(function) for function in behind if function is not None]
    return [function for function in unwrapped if isinstance(function, FunctionType)]


def _parts(name: str, value: Any, classes: list[type]) -> Iterator[tuple[str, Any]]:
    """Yields the parts of a value with their names: elements, or attributes of the value and of the user's classes."""
    if isinstance(value, dict):
        yield from ((f"{name}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"{name}[{index}]", part) for index, part in enumerate(value))
    elif not isinstance(value, ModuleType) and classes:
        if not isinstance(value, type):
            yield from ((f"{name}.{key}", part) for key, part in getattr(value, "__dict__", {}).items())
        for cls in classes:
            for key, part in vars(cls).items():
                internal = key.startswith("_") and key.endswith("_") and key != "__annotations__"
                if not internal and key != "_abc_impl" and not _functions_behind(part):
                    yield f"{cls.__qualname__}.{key}", part


def references(function: Any) -> Iterator[Reference]:
    """
    Yields what a function refers to: global and enclosing variables, defaults and annotations.

    :param function: a plain function; anything else yields nothing
    """
    if not isinstance(function, FunctionType):
        return
    file = os.path.basename(function.__code__.co_filename)
    for name, line in _global_names(function.__code__):
        if name in function.__globals__:
            yield Reference(name, f"in line {line} of {file} ", function.__globals__[name])
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
            name = value.__qualname__ if name == "__class__" else name  # `super()` refers to its class by that
            yield Reference(name, f"in {function.__qualname__} ", value)
        except ValueError:  # the variable has no value yet
            continue
    defaults = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount][-len(defaults) :] if defaults else ()
    for name, value in (*zip(names, defaults, strict=True), *(function.__kwdefaults__ or {}).items()):
        yield Reference(name, "in the default of its parameter ", value)
    for name, value in function.__annotations__.items():
        yield Reference(name, "in the annotation of its parameter ", value)


def _global_names(code: CodeType) -> Iterator[tuple[str, int]]:
    line = code.co_firstlineno
    for entry in dis.get_instructions(code):
        if sys.version_info >= (3, 13):
            line = entry.line_number or line
        else:
            line = entry.starts_line or line
        if entry.opname == "LOAD_GLOBAL":
            yield entry.argval, line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _is_users(module: str | None) -> bool:
    """Tells whether a module is the user's own. Others aren't searched, since users can't change a library."""
    root = (module or "").partition(".")[0]
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    installed = not file or "site-packages" in file or "dist-packages" in file
    return not installed and root not in NOT_IN_RUNTIME and root not in sys.stdlib_module_names


def _reason(value: Any, error: Exception, function: str) -> str:
    if not isinstance(error, NotInRuntimeError):
        return f"{describe(value)}, which can't be pickled. Make it inside {function} instead"
    if isinstance(value, (type, FunctionType, ModuleType)):
        remedy = f"Import it inside {function} if the runtime has Airflow"
    else:
        remedy = "Pass what the function needs of it as an argument"
    return f"{describe(value)}, which doesn't travel: the functions run without Airflow. {remedy}"
