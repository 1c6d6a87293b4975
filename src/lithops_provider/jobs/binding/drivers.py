"""
Puts a function of `lithops_provider.jobs.remote` in the place of the user's: where functions run, it calls the user's.
Reductions use it. This module is pickled by value, so its code must not use the rest of the package when it runs there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def run_remote(module: str, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """
    Calls a function of `lithops_provider.jobs.remote`, under the name that the package has where functions run.

    :param module: the function's module, below that package
    :param name: the function's name
    :param args: its positional arguments
    :param kwargs: its keyword arguments
    """
    import importlib
    import sys

    package = "lithops_provider.jobs.remote"  # see `lithops_provider.jobs.submit.bootstrap.call_wrapper`
    if f"{package}.batch" not in sys.modules:
        package = "_lithops_provider_remote"
    return getattr(importlib.import_module(f"{package}.{module}"), name)(*args, **kwargs)


class Driver:
    """
    Takes the place of a user's function. Where functions run, calling it calls a function of ours, with the user's
    functions before the other arguments. While it is bound, it has the name and the signature of the user's function.

    :param module: the module of our function, below `lithops_provider.jobs.remote`
    :param name: the name of our function
    :param functions: the user's functions, first the one whose place it takes; None for one that wasn't given
    """

    def __init__(self, module: str, name: str, *functions: Callable[..., Any] | None) -> None:
        self.functions = functions
        self._driver = (module, name)
        if functions[0] is not None:
            functools.update_wrapper(self, functions[0], assigned=("__name__", "__qualname__"), updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls our function."""
        return run_remote(*self._driver, *self.functions, *args, **kwargs)

    def __reduce__(self) -> Any:
        return functools.partial, (run_remote, *self._driver, *self.functions)
