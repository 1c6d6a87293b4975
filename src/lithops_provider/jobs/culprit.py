"""Finds what keeps a function from being shipped: the variable, and where it is referred to."""

from __future__ import annotations

import dis
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from lithops_provider.jobs.binding import is_task_decorator
from lithops_provider.jobs.pickler import NOT_IN_RUNTIME, NotInRuntimeError, describe
from lithops_provider.jobs.text import function_name

#: Returns why a value can't be pickled, or None.
Problem = Callable[[Any], Exception | None]


class Reference(NamedTuple):
    """What a function refers to: how it is called there, in which line, and what it is."""

    name: str
    where: str
    value: Any


def find_culprit(functions: list[Any], problem: Problem) -> str | None:
    """
    Returns what of the functions' surroundings can't be pickled, or None when no single thing stands out.

    :param functions: plain functions
    :param problem: tells what is wrong with a value
    """
    seen: set[int] = set()
    for function in functions:
        if (found := _search(function, "it", seen, problem)) is not None:
            return found
    return None


def _search(function: Any, subject: str, seen: set[int], problem: Problem) -> str | None:
    """Looks through what a function refers to, and what functions, classes and objects among that refer to."""
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
    """Looks into something that can't be pickled because of what it holds itself."""
    name, where, value = reference
    seen.add(id(value))
    inner = value.function if is_task_decorator(value) else inspect.unwrap(value) if callable(value) else value
    if isinstance(inner, FunctionType) and _is_users(inner.__module__):
        return _search(inner, f"{name}, which it calls,", seen, problem)
    holder = value if isinstance(value, type) else type(value)
    if _is_users(holder.__module__):
        for key, attribute in vars(holder).items():
            method = getattr(attribute, "__func__", attribute)
            if isinstance(method, FunctionType) and id(method) not in seen:
                found = _search(method, f"{holder.__qualname__}.{key}, of the class of {name},", seen, problem)
                if found is not None:
                    return found
    parts: Iterator[tuple[str, Any]] = iter(())
    if isinstance(value, dict):
        parts = ((f"{name}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = ((f"{name}[{index}]", part) for index, part in enumerate(value))
    elif not isinstance(value, (type, ModuleType)) and _is_users(holder.__module__):
        parts = ((f"{name}.{key}", part) for key, part in getattr(value, "__dict__", {}).items())
    for label, part in parts:
        if id(part) not in seen and (error := problem(part)) is not None:
            deeper = _inside(Reference(label, where, part), seen, problem)
            return deeper or f"it refers {where}to {label!r}, {_reason(part, error, 'the function')}"
    return None


def references(function: Any) -> Iterator[Reference]:
    """
    Yields what a function refers to: global and enclosing variables, defaults and annotations.

    :param function: a plain function; others have nothing to show
    """
    if not isinstance(function, FunctionType):
        return
    file = os.path.basename(function.__code__.co_filename)
    for name, line in _global_names(function.__code__):
        if name in function.__globals__:
            yield Reference(name, f"in line {line} of {file} ", function.__globals__[name])
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield Reference(name, f"in {function.__qualname__} ", cell.cell_contents)
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
    """Tells whether code is the user's own, to be looked into: no one looks for a lock inside a library."""
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
