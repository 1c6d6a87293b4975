"""
Takes the items of a map out of what the user gave, and finds the arguments that each item stands for. function.py and
`inputs/` call it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.remote.frames import NAMED, ONE, SEVERAL
from lithops_provider.jobs.text import short_repr

#: Items that a job may have at most, unless the caller says otherwise. Without a limit, an endless iterable would fill
#: the memory.
MAX_ITEMS = 10_000_000

#: Positional and keyword arguments.
Item = tuple[tuple[Any, ...], dict[str, Any]]

#: The keyword arguments of items that have none. All items share this dict, since 100,000 dicts take 6 MB.
_NOTHING: dict[str, Any] = {}

#: Types of values that can always be pickled and unpickled. It makes no difference whether two items share one.
_SCALARS = frozenset({int, float, bool, type(None), str, bytes})
#: Types of items that are copied, since an iterator may yield the same object again with other contents.
_GROUPS = frozenset({list, tuple, dict})
#: Iterables that hold their items, and don't make them during the iteration.
_LASTING = (list, tuple, range, set, frozenset)
#: How many items `BoundItems.__iter__` takes at a time.
_AT_ONCE = 512


class BoundItems:
    """
    The items of a map, bound to its function's parameters during the iteration over them, which is possible once. They
    are taken piece by piece out of what the user gave, so that a generator's items are never all in memory.

    :param iterdata: what the user gave
    :param signature: the function's signature; None if it can't be read
    :param check: gets an item and its index, and raises InvalidInputError if the function doesn't take the item
    :param argument: if given, each item becomes this keyword argument, whatever its type
    :param max_items: how many there may be
    :raises InvalidInputError: ``iterdata`` can't be iterated over
    """

    def __init__(
        self,
        iterdata: Any,
        signature: inspect.Signature | None,
        check: Callable[[Any, int], object],
        argument: str | None = None,
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._elements = iter(as_items(iterdata, max_items))
        #: Whether an item stays as it is while the next ones are taken. An iterator may yield the same object again and
        #: again, with other contents.
        self.lasting = isinstance(iterdata, _LASTING)
        self._signature = signature
        self._check = check
        self._argument = argument
        #: Index of the first of the items that were taken last.
        self.first = 0
        self._taken = 0
        #: The shapes of items that were found to fit: how many positional arguments, and which keyword arguments. Items
        #: of the same shape aren't checked again.
        self._fitting: set[object] = set()
        #: The shapes of items that `bind_plain` has found to fit.
        self._plain: set[object] = set()

    def __iter__(self) -> Iterator[Item]:
        """
        Yields positional and keyword arguments of each item.

        :raises InvalidInputError: the function doesn't take an item, or there are too many
        """
        while elements := self.take(_AT_ONCE):
            yield from self.bind(elements)

    def take(self, most: int) -> list[Any]:
        """
        Returns the next items as the user gave them; an empty list if there are no more. Unless the items are
        `lasting`, the last one may have to be pickled before the next are taken.

        :param most: how many at most
        :raises InvalidInputError: there are too many
        """
        upcoming = itertools.islice(self._elements, most)
        elements = list(upcoming) if self.lasting else _kept(upcoming)
        self.first, self._taken = self._taken, self._taken + len(elements)
        return elements

    def bind(self, elements: list[Any]) -> Iterator[Item]:
        """
        Yields positional and keyword arguments of each item.

        :param elements: what `take` returned last
        :raises InvalidInputError: the function doesn't take one of them
        """
        for index, element in enumerate(elements, self.first):
            args, kwargs = item_arguments(self._signature, element, index, self._argument)
            shape = (len(args), *kwargs) if kwargs else len(args)
            if shape not in self._fitting:
                self._check(element, index)
                self._fitting.add(shape)
            yield args, kwargs

    def bind_plain(self, elements: list[Any]) -> tuple[int, Sequence[Any]] | None:
        """
        Binds items all at once if they are of one kind, and have nothing but plain data as arguments: numbers and
        texts, and lists and dicts of these.

        :param elements: what `take` returned last
        :returns: the kind, see `lithops_provider.jobs.remote.frames.pack_block`, and what there is of each item; None
            if they aren't like that
        :raises InvalidInputError: the function doesn't take one of them
        """
        kinds = set(map(type, elements))
        scalars = _SCALARS.issuperset(kinds)
        # A function may change the list that it gets. So lists are only bound at once if no two items share one.
        lists = kinds == {list} and len(set(map(id, elements))) == len(elements) and _all_scalars(elements)
        if scalars or lists:
            self._check_plain(elements, _one)
            return (ONE, elements) if self._argument is None else (NAMED, [{self._argument: one} for one in elements])
        if self._argument is not None:
            return None
        if kinds == {tuple} and _all_plain(elements):
            self._check_plain(elements, _count)
            return SEVERAL, elements
        names = kinds == {dict} and {str}.issuperset(map(type, itertools.chain.from_iterable(elements)))
        if names and _all_plain(map(dict.values, elements)) and self._check_plain(elements, _names):
            return NAMED, elements
        return None

    def _check_plain(self, elements: list[Any], shape_of: Callable[[Any], Hashable]) -> bool:
        """
        Checks one item of each shape that wasn't seen before.

        :returns: False if the keys of a dict aren't all names of arguments, since ``*args`` or ``**kwargs`` is among
            them
        :raises InvalidInputError: the function doesn't take it
        """
        new = ({1} if shape_of is _one else set(map(shape_of, elements))) - self._plain
        for index, element in enumerate(elements, self.first) if new else ():
            shape = shape_of(element)
            if shape in new and shape not in self._plain:
                if shape_of is _names and item_arguments(self._signature, element, index) != ((), element):
                    return False
                self._check(element, index)
                self._plain.add(shape)
        return True


def _kept(elements: Iterator[Any]) -> list[Any]:
    """
    Returns copies of items that are plain, up to and including the first that isn't. That one can't be copied here: it
    has to be pickled before the iterator goes on, and may change it.
    """
    kept: list[Any] = []
    for element in elements:
        kind = type(element)
        if kind in _SCALARS:
            kept.append(element)
        elif kind in _GROUPS and _all_scalars([element.values() if kind is dict else element]):
            kept.append(kind(element))
        else:
            return [*kept, element]
    return kept


def _one(element: Any) -> int:
    """Returns the number of arguments of an item that is neither tuple nor dict."""
    return 1


_count: Callable[[tuple[Any, ...]], int] = len
_names: Callable[[dict[str, Any]], tuple[str, ...]] = tuple


def _all_scalars(groups: Iterable[Iterable[Any]]) -> bool:
    return _SCALARS.issuperset(map(type, itertools.chain.from_iterable(groups)))


def _all_plain(groups: Iterable[Iterable[Any]]) -> bool:
    """
    Tells whether groups of arguments are numbers and texts, and lists and dicts of these. None of the latter may be
    there twice: each function has to get its own, which it may change.
    """
    values = list(itertools.chain.from_iterable(groups))
    if not (kinds := set(map(type, values)) - _SCALARS):
        return True
    inner = [value for value in values if type(value) not in _SCALARS]
    if not kinds <= {list, dict} or len(set(map(id, inner))) < len(inner):
        return False
    dicts = [value for value in inner if type(value) is dict]
    return _all_scalars([*inner, *map(dict.values, dicts)])  # the keys of dicts, too, since `inner` has the dicts


def item_arguments(signature: inspect.Signature | None, element: Any, index: int, argument: str | None = None) -> Item:
    """
    Returns the arguments that an item of a map stands for.

    :param signature: the function's signature; None if it can't be read
    :param element: the item
    :param index: its index, for messages
    :param argument: if given, the item becomes this keyword argument, whatever its type
    :raises InvalidInputError: the item is a dict, and `spread` refuses it or a key isn't a str
    """
    if argument is not None:
        return (), {argument: element}
    if isinstance(element, tuple):
        return tuple(element), _NOTHING
    if isinstance(element, dict):
        where = f"item {index}"
        return spread(signature, {keyword(key, where): value for key, value in element.items()}, where)
    return (element,), _NOTHING


def spread(signature: inspect.Signature | None, kwargs: dict[str, Any], where: str) -> Item:
    """
    Returns the positional and keyword arguments that a dict stands for.

    As in Lithops, the name of the function's ``*args`` stands for a list or tuple of positional arguments, and that
    of its ``**kwargs`` for a dict of keyword arguments. For a function without such parameters, the names are ``args``
    and ``kwargs``.

    :param signature: the function's signature; None if it can't be read
    :param kwargs: the dict
    :param where: words for the item, for messages
    :raises InvalidInputError: one of the two has the wrong type, or an argument is given twice
    """
    if signature is None:
        return (), kwargs
    several, keywords, ordinary = _variadic(signature)
    args_name, kwargs_name = several or "args", keywords or "kwargs"
    gives_kwargs = kwargs_name in kwargs and kwargs_name not in ordinary
    gives_args = args_name in kwargs and args_name not in ordinary
    if several is None and keywords is not None and not gives_kwargs:
        gives_args = False  # the function's ``**kwargs`` takes it as an argument that is called "args"
    if not gives_args and not gives_kwargs:
        return (), kwargs
    left = dict(kwargs)
    args = left.pop(args_name) if gives_args else None
    if args is not None and not isinstance(args, (list, tuple)):
        raise _wrong_kind(where, args_name, args, "a list or tuple of positional arguments")
    named = left.pop(kwargs_name) if gives_kwargs else None
    if named is not None and not isinstance(named, Mapping):
        raise _wrong_kind(where, kwargs_name, named, "a dict of keyword arguments")
    twice = sorted(set(left) & set(named or ()))
    if twice:
        raise InvalidInputError(f"{where} gives {twice[0]!r} twice, by itself and in {kwargs_name!r}; give it once")
    left.update({keyword(key, where): value for key, value in (named or {}).items()})
    before = itertools.takewhile(left.__contains__, ordinary if several is not None and args else ())
    leading = [left.pop(name) for name in tuple(before)]  # f(x, *rest) with {"x": 1, "rest": [2, 3]}
    return (*leading, *(args or ())), left


def _wrong_kind(where: str, name: str, value: Any, wanted: str) -> InvalidInputError:
    kind = type(value).__name__
    return InvalidInputError(f"{where} gives as {name!r} {short_repr(value)}, of type {kind}: that stands for {wanted}")


@functools.lru_cache(maxsize=8)
def _variadic(signature: inspect.Signature) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Returns the names of a function's ``*args`` and ``**kwargs``, and of its other parameters."""
    kinds = {parameter.kind: name for name, parameter in signature.parameters.items()}
    several, keywords = kinds.get(inspect.Parameter.VAR_POSITIONAL), kinds.get(inspect.Parameter.VAR_KEYWORD)
    return several, keywords, tuple(name for name in signature.parameters if name not in (several, keywords))


def as_items(iterdata: Any, max_items: int = MAX_ITEMS) -> Iterable[Any]:
    """
    Returns the items of what the user gave as an iterable.

    :param iterdata: what the user gave
    :param max_items: how many there may be
    :raises InvalidInputError: it can't be iterated over; or, raised while the caller does that, it has too many items
    """
    if isinstance(iterdata, (str, bytes, bytearray, Mapping)):
        return [iterdata]
    if hasattr(iterdata, "itertuples"):
        raise InvalidInputError(
            "map_iterdata is a DataFrame, whose iteration gives the names of its columns; "
            "pass .to_dict('records') for keyword arguments or list(.itertuples(index=False, name=None))"
        )
    try:
        items = iter(iterdata)
    except TypeError:
        raise InvalidInputError(
            f"map_iterdata must be an iterable, got {type(iterdata).__name__}: {short_repr(iterdata)}"
        ) from None
    return _bounded(items, iterdata, max_items)


def _bounded(items: Iterator[Any], iterdata: Any, max_items: int) -> Iterator[Any]:
    yield from itertools.islice(items, max_items)
    for _ in items:
        raise too_many_items(f"map_iterdata, {short_repr(iterdata)}, has", max_items)


def too_many_items(what: str, max_items: int) -> InvalidInputError:
    """
    Returns the error to raise if there are more items than a job may have.

    :param what: begins the message: what gives the items, and a verb
    :param max_items: how many there may be
    """
    return InvalidInputError(
        f"{what} more than {max_items} items; if they are not endless, raise [lithops] max_items in Airflow's "
        "configuration (max_items of the function, without Airflow)"
    )


def keyword(key: object, parameter: str) -> str:
    """
    Returns the name of a keyword argument, checked.

    :param key: the name
    :param parameter: words for what gives it, for the message
    :raises InvalidInputError: it isn't a str
    """
    if not isinstance(key, str):
        raise InvalidInputError(f"{parameter}: the names of keyword arguments are str, got {key!r}")
    return key
