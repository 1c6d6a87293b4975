"""
Finds the modules that a function imports in its body. pickler.py looks for all of them, since they may have to be
shipped; spec.py also for those that every call imports, without which a runtime can't run the job.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

#: Beginnings of the names of instructions after which it isn't certain what runs: a call may raise, or change where
#: modules are looked for; after the others, the code may go on elsewhere.
_END_OF_STRAIGHT_LINE = ("CALL", "PRECALL", "RETURN", "YIELD", "RAISE", "SETUP", "BEFORE", "SEND", "FOR_ITER")
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
#: Flags of generators and coroutines: a call of one runs nothing of its code yet.
_LAZY = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def all_imports(code: CodeType) -> set[str]:
    """
    Returns the names of the modules that code, and functions and classes defined in it, may import when they run.

    :param code: a function's code
    """
    names = {name for _, name in _import_statements(code)}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= all_imports(constant)
    return names


def certain_imports(code: CodeType) -> set[str]:
    """
    Returns the names of the modules that each run of code imports: those of the statements at its beginning, up to the
    first call, condition, loop, ``try`` or ``with``.

    :param code: a function's code
    """
    if code.co_flags & _LAZY:
        return set()
    end = _end_of_straight_line(code)
    return {name for offset, name in _import_statements(code) if offset < end}


def entry_code(function: Callable[..., Any]) -> CodeType | None:
    """
    Returns the code that runs first when a function is called; None if it isn't written in Python.

    :param function: a function, a partial, a bound method or a callable object
    """
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.ismethod(function):
        function = function.__func__
    if not inspect.isfunction(function):
        function = getattr(type(function), "__call__", function)  # noqa: B004 - the method itself is wanted
    return function.__code__ if inspect.isfunction(function) else None


def _import_statements(code: CodeType) -> Iterator[tuple[int, str]]:
    """
    Yields the offset and the module of each import in code itself. Relative imports are left out, since their modules
    are in the same package as the code.
    """
    level: Any = None
    from_list: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME" and level == 0:
            yield instruction.offset, str(instruction.argval)
        if instruction.opname.startswith("LOAD_"):
            level, from_list = from_list, instruction.argval


def _end_of_straight_line(code: CodeType) -> int:
    """Returns the offset of the first instruction that some runs may not reach, or that may end them."""
    bytecode = dis.Bytecode(code)
    # From Python 3.11 on, no instruction says where a `try` begins: a table beside the code does.
    guarded = min((entry.start for entry in getattr(bytecode, "exception_entries", ())), default=len(code.co_code))
    return next(
        instruction.offset
        for instruction in bytecode  # there is always one that returns
        if instruction.opcode in _JUMPS
        or instruction.opname.startswith(_END_OF_STRAIGHT_LINE)
        or instruction.offset >= guarded
    )
