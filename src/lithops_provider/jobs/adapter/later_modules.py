"""
Puts off the imports of modules that Lithops imports at the top of its own, and rarely uses. localhost.py has runners do
so: with all of these imports, a runner takes twice the time to start, which each job waits for.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any


class _LaterModule(ModuleType):
    """Stands for a module that is imported when something of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def later_modules(later: Iterable[str], hidden: Iterable[str] = ()) -> Iterator[None]:
    """
    While this is open, some modules are imported in name only. Whoever imports them afterwards gets them as they are.

    :param later: names of modules that are imported when whoever has "imported" them meanwhile first uses them
    :param hidden: names of modules that can't be imported meanwhile, for those who do without them
    """
    stand_ins: dict[str, ModuleType | None] = {name: _LaterModule(name) for name in later}
    stand_ins.update(dict.fromkeys(hidden))
    stand_ins = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None is how one is hidden
    modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if name in modules and modules[name] is stand_in:
                del modules[name]
