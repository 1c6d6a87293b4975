"""
Checks the pairs of key and value that a map's function gives, and combines them if the user wants that. In a reduce by
key, `emit` takes the place of the map's function and calls it; shuffle.py and runs.py read its results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from .keys import stable_hash
from .values_of_key import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Combines the values of a key to one.
Combine = "Callable[[Any, Values], Any]"


def emit(
    function: Callable[..., Any], combine: Callable[..., Any] | None, /, *args: Any, **kwargs: Any
) -> dict[Any, Any] | list[tuple[Any, Any]]:
    """
    Calls a map's function, and returns its pairs: as a dict if each key is there once, else as a list.

    :param function: the user's function, which returns or yields pairs, or returns a dict
    :param combine: the user's ``combine_function``, or None
    :raises TypeError: it gives something else than pairs, or a key can't be hashed
    :raises ValueError: a key isn't equal to itself
    """
    returned = function(*args, **kwargs)
    found: dict[Any, Any] | list[tuple[Any, Any]]
    if isinstance(returned, Mapping):
        found = dict(returned)  # with one value for each key, so that there is nothing to combine
    elif combine is None:
        found = list(pairs_of(returned))
    else:
        groups: dict[Any, list[Any]] = {}
        group_into(groups, pairs_of(returned))
        found = {key: combined(combine, key, values) for key, values in groups.items()}
    for key in {key for key, _ in found} if isinstance(found, list) else found:
        stable_hash(key)
    return found


def combined(combine: Callable[..., Any], key: Any, values: list[Any]) -> Any:
    """Combines the values of a key into one. A single value is left as it is."""
    return values[0] if len(values) == 1 else call_combine(combine, key, Values.of(values))


def call_combine(combine: Callable[..., Any], key: Any, values: Values) -> Any:
    """
    Calls the user's ``combine_function``. If it fails, the item's output says for which key.

    :raises TypeError: it has returned a generator
    """
    try:
        return checked_result(combine(key, values), "combine_function", key)
    except BaseException:
        print(f"the combine function failed for the key {repr(key)[:200]}")  # noqa: T201 - the item's output
        raise


def checked_result(value: Any, function: str, key: Any) -> Any:
    """
    Returns the result of a function for a key, checked.

    :param value: the result
    :param function: the name of the function's parameter, for the message
    :param key: the key
    :raises TypeError: the result is a generator
    """
    if isinstance(value, GeneratorType):
        raise TypeError(
            f"{function} has returned a generator for the key {repr(key)[:100]}, whose items can't leave the process "
            "it runs in; return list(...) of it instead"
        )
    return value


def group_into(groups: dict[Any, list[Any]], pairs: Iterable[tuple[Any, Any]]) -> int:
    """
    Adds the value of each pair to those of its key.

    :param groups: lists of values by key, to which this adds
    :param pairs: keys and values
    :returns: how many pairs there were
    """
    count = 0
    for key, value in pairs:
        known = groups.get(key)
        if known is None:
            groups[key] = [value]
        else:
            known.append(value)
        count += 1
    return count


def pairs_of(returned: Any) -> Iterable[tuple[Any, Any]]:
    """
    Returns the pairs that a function has returned.

    :param returned: a dict, or an iterable of pairs
    :raises TypeError: it is neither
    """
    if isinstance(returned, Mapping):
        return returned.items()
    if isinstance(returned, (str, bytes, bytearray)) or not isinstance(returned, Iterable):
        raise TypeError(f"{_WANTED}; this one has returned {type(returned).__name__}: {repr(returned)[:100]}")
    return _checked(returned)


_WANTED = "with reduce_by_key, the map's function has to return a dict, or return or yield pairs (key, value)"


def _checked(returned: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    for number, pair in enumerate(returned):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{_WANTED}; entry {number} is {type(pair).__name__}: {repr(pair)[:100]}")
        key, value = pair
        try:
            hash(key)
        except TypeError as error:
            raise TypeError(
                f"the key of entry {number}, {repr(key)[:100]}, can't be hashed: {error}; make it a tuple"
            ) from None
        yield key, value
