"""
What a shuffle and a reduce by key get as arguments: pairs that lie in storage, and a place for a key's values.
injection.py fills them in, and shuffle.py reads them.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class StoredPairs(NamedTuple):
    """
    Pairs that lie in storage: what a shuffle or a reduce gets as its first argument.

    :param storage: a Lithops Storage
    :param where: see shuffle.py
    """

    storage: Any
    where: dict[str, Any]


class AllValues:
    """Stands for the values of a key among the arguments of a reduce, until there are some."""
