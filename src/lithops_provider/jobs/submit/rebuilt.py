"""
Puts objects together again that reductions.py has taken apart. The functions here travel by value with what they
rebuild, so they import nothing of this package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def register_implementations(dispatcher: Any, implementations: dict[type, Callable[..., Any]]) -> None:
    """
    Gives a `functools.singledispatch` function, or method, what was registered with it.

    :param dispatcher: a new one, which knows its default only
    :param implementations: functions by the class of their first argument
    """
    for cls, implementation in implementations.items():
        dispatcher.register(cls, implementation)
