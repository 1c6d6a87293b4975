"""
The values of one key, as the user's function gets them, whether they are in memory or on disk. pairs.py and runs.py
make them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Values(Collection[Any]):
    """
    The values of a key. They can be iterated over as often as one likes, and have a length, but aren't a list, since
    there may be more of them than fit into memory.

    :param count: how many values there are
    :param chunks: returns the values in lists, each time that it is called
    """

    def __init__(self, count: int, chunks: Callable[[], Iterable[list[Any]]]) -> None:
        self._count = count
        self._chunks = chunks

    @classmethod
    def of(cls, values: list[Any]) -> Values:
        """Returns values that are in memory."""
        return cls(len(values), lambda: (values,))

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._chunks())

    def __len__(self) -> int:
        return self._count

    def __contains__(self, value: object) -> bool:
        return any(value is other or value == other for other in self)

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("the values of a key have no places: go over them, or make a list of them, list(values)")

    def __reduce__(self) -> Any:
        raise TypeError("the values of a key can't be a result as they are; return list(values)")

    def __repr__(self) -> str:
        return f"<{self._count} value(s) of a key>"

    def chunks(self) -> Iterable[list[Any]]:
        """Returns the values in lists, each of which fits into memory."""
        return self._chunks()
