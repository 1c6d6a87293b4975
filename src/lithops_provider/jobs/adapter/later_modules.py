"""
Delays the import of modules that Lithops's modules import at their top and rarely use. localhost.py has runners use it:
with all of these imports, a runner takes twice the time to start, and each job waits for its runner.
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
    Within this context, importing one of some modules gives a stand-in. Whoever imports them afterwards gets the real
    ones.

    :param later: names of modules whose stand-in imports the real module when it is first used
    :param hidden: names of modules that can't be imported within the context, for importers that can do without them
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
