"""
The arguments of the calls of a shuffle and of a reduce by key: pairs that lie in storage, and a place for a key's
values. injection.py fills them in, and shuffle.py reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..frames import PairsPlace


class StoredPairs(NamedTuple):
    """
    Pairs that lie in storage: the first argument of a shuffle or a reduce.

    :param storage: a Lithops Storage
    :param where: where they lie
    """

    storage: Any
    where: PairsPlace


class AllValues:
    """Marks the place of a key's values among the arguments of a reduce."""
