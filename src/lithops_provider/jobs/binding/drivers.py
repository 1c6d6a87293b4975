"""
Functions of `lithops_provider.jobs.remote` that call the user's, and what brings them to where functions run. This
module travels by value, so what arrives of it must not use the rest of the package.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def run_remote(module: str, name: str, /, *args: Any, **kwargs: Any) -> Any:
    """
    Calls a function of `lithops_provider.jobs.remote`, where the wrapper has put that.

    :param module: its module
    :param name: its name
    :param args: its arguments
    :param kwargs: the same by name
    """
    import importlib
    import sys

    package = "lithops_provider.jobs.remote"  # see `lithops_provider.jobs.submit.bootstrap.call_wrapper`
    if f"{package}.batch" not in sys.modules:
        package = "_lithops_provider_remote"
    return getattr(importlib.import_module(f"{package}.{module}"), name)(*args, **kwargs)


class Driver:
    """
    Takes the place of a user's function: where functions run, it is a call of one of ours with the user's in front of
    the other arguments. To whoever binds it, it has the user's name and signature.

    :param module: of `lithops_provider.jobs.remote`
    :param name: of our function
    :param functions: the user's functions, the one that it stands for first; or None where there is none
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
