"""
Rebuilds objects that reductions.py has reduced. The functions here are pickled by value with what they rebuild, so they
import nothing of this package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def register_implementations(dispatcher: Any, implementations: dict[type, Callable[..., Any]]) -> None:
    """
    Registers implementations with a `functools.singledispatch` function or method.

    :param dispatcher: a new function or method, which has its default only
    :param implementations: functions by the class of their first argument
    """
    for cls, implementation in implementations.items():
        dispatcher.register(cls, implementation)
