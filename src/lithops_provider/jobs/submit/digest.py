"""
Digests values so that equal values have the same digest in every process. spec.py recognises the job of an earlier try
by it, and cache/digests.py finds cached results.

A digest of a pickle's bytes won't do: a set of str is pickled in another order under another PYTHONHASHSEED, a text
that occurs twice is pickled once or twice, depending on whether it is one object or two, and cloudpickle makes up names
for classes. So the pickle is read, without importing or calling anything that it names, and what it would build is
digested.
"""

from __future__ import annotations

import hashlib
import itertools
import operator
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from lithops_provider.jobs.remote.frames import ItemBlocks, load_block, unfold
from lithops_provider.jobs.submit.pickle_reader import Built, Dict, Global, Set, UndigestibleError, read_pickle

#: By cloudpickle's functions that build things: the positions of arguments that aren't part of the value. These are the
#: name that it makes up for a class, and the module's name and file, which change with the path of a DAG bundle.
_NOT_VALUES = {"_make_skeleton_class": (4,), "_make_skeleton_enum": (5,), "_make_function": (1,)}
#: The same for a code object: its file, its first line and its table of lines.
_CODE_PLACES = (10, 13, 14) if sys.version_info >= (3, 11) else (10, 12, 13)

#: Types of values other than collections that a pickle holds in itself.
_PLAIN_LEAVES = frozenset({int, float, bool, type(None), str})
_LEAVES = _PLAIN_LEAVES | {bytes, bytearray, Global}
#: A text, or the text of a number, that has fewer bytes is its own digest.
_SHORT = 64
#: How many dicts of a list are digested at once.
_AT_ONCE = 500
#: In the place of a position in a list: more than any position.
_NOWHERE = sys.maxsize
#: How Airflow begins the name of a DAG file's module (airflow.sdk, `get_unique_dag_module_name`), and the digest of the
#: file's path that follows.
DAG_MODULE_PREFIX = "unusual_prefix_"
_DAG_MODULE_HASH = re.compile(f"^{DAG_MODULE_PREFIX}[0-9a-f]{{40}}_")


def digest_pickle(blob: bytes) -> str:
    """
    Returns the digest of the value in a pickle. Equal values have equal digests: sets in any order, dicts in any order,
    functions and classes that were pickled by value by their code and what they refer to, not by their place in a file.

    :param blob: from `pickle` or cloudpickle, of this version of Python
    :raises UndigestibleError: the pickle uses buffers outside of it, or is nested too deeply
    """
    try:
        return _hash(b"value", [_Digester().digest(read_pickle(blob))]).hex()
    except Exception as error:  # whatever a pickle of anybody's class may hold
        raise UndigestibleError(f"{type(error).__name__}: {error}") from error


def digest_items(items: ItemBlocks) -> Iterator[bytes]:
    """
    Yields the digest of each item of a job, in 16 bytes. Equal items have equal digests, in whatever block they are.

    :param items: pickled by this process
    :raises UndigestibleError: see `digest_pickle`
    """
    for block in items.blocks:
        for index, item in enumerate(unfold(*load_block(block))):
            try:
                value = read_pickle(item) if isinstance(item, bytes) else item
                digest = _digest_plain_item(value) or _hash(b"item", [_Digester().digest(value)])
            except Exception as error:  # whatever a pickle of anybody's class may hold
                raise UndigestibleError(f"the item {index} of a block: {type(error).__name__}: {error}") from error
            yield digest


def _digest_plain_item(item: Any) -> bytes | None:
    """
    Returns the digest of an item that has nothing but numbers and texts as arguments, and maybe an object in storage,
    as most items of large jobs have; None for any other item. `_Digester` would take 20 times as long.
    """
    args, kwargs, special = item
    if type(args) is not tuple or type(kwargs) is not dict:
        return None
    names = sorted(kwargs)
    filled: tuple[Any, ...] = ()
    if special is not None:
        if special.keys() != {"object"}:
            return None
        name, fields = special["object"]
        filled = (name, *fields, *fields.values())
    values = (len(args), len(names), *args, *names, *map(kwargs.__getitem__, names), *filled)
    if not _PLAIN_LEAVES.issuperset(map(type, values)):
        return None
    return hashlib.blake2b(b"plain " + repr(values).encode(), digest_size=16).digest()


class _Digester:
    """
    Digests what `read_pickle` has read. What occurs more than once is digested once.

    Values may hold one another in a circle, as functions do that call one another. None of their digests can be made
    before the others. So circles are found with Tarjan's algorithm, and digested as a whole.
    """

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        #: The values that are being digested, or belong to a circle with one of them, in the order in which they were
        #: met; and where each of them is in that order.
        self._open: list[Any] = []
        self._places: dict[int, int] = {}
        #: The first of these places to which the value that is being digested leads back; `_NOWHERE` if to none.
        self._back = _NOWHERE

    def digest(self, value: Any) -> bytes:
        """Returns the digest of a value; for a short one, its type and text."""
        if not isinstance(value, (list, tuple, set, frozenset, dict, Set, Dict, Built)):
            return _digest_leaf(value)
        found = self._known.get(id(value))
        if found is not None:
            return found
        place = self._places.get(id(value))
        if place is not None:
            self._back = min(self._back, place)
            return b""  # replaced when the circle is closed
        return self._digest_new(value)

    def _digest_new(self, value: Any) -> bytes:
        place = self._places[id(value)] = len(self._open)
        self._open.append(value)
        before, self._back = self._back, _NOWHERE
        digest = self._digest_parts(value)
        back, self._back = self._back, before
        if back < place:  # a circle that isn't closed yet
            self._back = min(before, back)
            return b""
        closed = self._open[place:]
        del self._open[place:]
        for each in closed:
            del self._places[id(each)]
        if back == _NOWHERE:
            self._known[id(value)] = digest
        else:
            self._digest_circle(closed)
        return self._known[id(value)]

    def _digest_circle(self, values: list[Any]) -> None:
        """
        Digests values that hold one another. At first all have the same digest. In each pass, a value gets the digest
        that follows from the digests of the pass before, until a pass yields no more different ones. The digest that a
        value has then only says how it differs from its neighbours. Together with how all digests follow from one
        another, it says what the value is.
        """
        digests = [b"circle"] * len(values)
        told_apart = 0
        while len(set(digests)) > told_apart:
            told_apart = len(set(digests))
            self._known.update(zip(map(id, values), digests, strict=True))
            before, digests = digests, list(map(self._digest_parts, values))
        circle = sorted({one + following for one, following in zip(before, digests, strict=True)})
        for value, one in zip(values, before, strict=True):
            self._known[id(value)] = _hash(b"circle", [one, *circle])

    def _digest_parts(self, value: Any) -> bytes:
        if isinstance(value, Set):
            return _hash(value.kind.encode(), sorted(map(self.digest, value.entries)))
        if isinstance(value, (set, frozenset)):
            return _hash(type(value).__name__.encode(), sorted(map(self.digest, value)))
        if isinstance(value, (dict, Dict)):
            return self._digest_dict(list(value.items()) if isinstance(value, dict) else value.entries)
        if isinstance(value, Built):
            return self._digest_built(value)
        text = _text(value)
        if text is not None:
            return _hash(type(value).__name__.encode(), [b"text", text])
        records = _records(value)
        if records is not None:
            return _hash(type(value).__name__.encode(), [b"records", *records])
        return _hash(type(value).__name__.encode(), map(self.digest, value))

    def _digest_dict(self, entries: list[tuple[Any, Any]]) -> bytes:
        keys = set(map(type, map(_key, entries)))
        if keys in ({int}, {str}):  # such keys can be sorted
            ordered: list[tuple[Any, Any]] = sorted(entries, key=_key)
            text = _text(list(itertools.chain.from_iterable(ordered)))
            if text is not None:
                return _hash(b"dict", [b"text", text])
        return _hash(b"dict", sorted(_hash(b"", map(self.digest, entry)) for entry in entries))

    def _digest_built(self, value: Built) -> bytes:
        if value.parts is None:
            value.parts = _parts_of(value)
        return _hash(b"built", map(self.digest, value.parts))


def _parts_of(value: Built) -> list[Any]:
    """Returns the parts that make up the value of something that is built."""
    how, function, arguments, *more = value.call
    name = _name_of(function)
    if isinstance(arguments, tuple):
        dropped = _CODE_PLACES if name == "CodeType" else _NOT_VALUES.get(name, ())
        arguments = tuple(entry for place, entry in enumerate(arguments) if place not in dropped)
        if len(arguments) == 1 and isinstance(arguments[0], list) and _is_set_class(function):
            arguments = (Set("set", arguments[0]),)
    return [how, function, arguments, *more, value.state, value.entries]


def _digest_leaf(value: Any) -> bytes:
    if type(value) not in _LEAVES:
        raise UndigestibleError(f"{type(value)}")  # the value's text may have its address in memory
    if isinstance(value, str) and value.startswith(DAG_MODULE_PREFIX):
        value = type(value)(_DAG_MODULE_HASH.sub(DAG_MODULE_PREFIX, value))
    text = bytes(value) if isinstance(value, (bytes, bytearray)) else repr(value).encode()
    kind = type(value).__name__.encode()
    return kind + b" " + text if len(text) < _SHORT else _hash(kind, [text])


def _text(values: list[Any] | tuple[Any, ...]) -> bytes | None:
    """Returns the text of a list or tuple that holds nothing but numbers and texts; None for any other."""
    if not _PLAIN_LEAVES.issuperset(map(type, values)):
        return None
    text = repr(values)
    return None if DAG_MODULE_PREFIX in text else text.encode()


def _records(values: list[Any] | tuple[Any, ...]) -> list[bytes] | None:
    """
    Returns the texts of a list or tuple of dicts that have the same keys, and nothing but numbers and texts in them:
    one of the keys, and one for the values of each some hundreds of dicts. None for any other. To digest each dict by
    itself would take ten times as long.
    """
    kinds = set(map(type, values))
    if kinds == {Dict} and all(type(key) is str for value in values for key, _ in value.entries):
        kinds, values = {dict}, [dict(value.entries) for value in values]
    if kinds != {dict} or len(set(map(len, values))) != 1 or not {str}.issuperset(map(type, values[0])):
        return None
    keys = sorted(values[0])
    get = operator.itemgetter(*keys) if keys else len
    texts = [_text(keys)]
    for start in range(0, len(values), _AT_ONCE):
        some = values[start : start + _AT_ONCE]
        if not {str}.issuperset(map(type, itertools.chain.from_iterable(some))):
            return None  # a key may be of a subclass of str, and equal to one
        try:
            rows = list(map(get, some))
        except KeyError:
            return None
        texts.append(_text(rows if len(keys) < 2 else list(itertools.chain.from_iterable(rows))))
    return None if None in texts else [text for text in texts if text is not None]


_key = operator.itemgetter(0)


def _hash(kind: bytes, parts: Iterable[bytes]) -> bytes:
    digest = hashlib.blake2b(kind, digest_size=16)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


def _name_of(function: Any) -> str:
    """Returns the name of one of cloudpickle's functions, or of a type that it looks up by name."""
    if isinstance(function, Global):
        module, _, name = function.partition(":")
        return name if module.startswith("cloudpickle") or module == "types" else ""
    if isinstance(function, Built) and _name_of(function.call[1]) == "_builtin_type":
        return str(function.call[2][0])
    return ""


def _is_set_class(function: Any) -> bool:
    """Tells whether something is a class of sets, whose entries come in any order. Imports nothing."""
    if isinstance(function, Built):  # a class that was pickled by value
        return _name_of(function.call[1]) == "_make_skeleton_class" and any(map(_is_set_class, function.call[2][2]))
    if not isinstance(function, Global):
        return False
    module, _, name = function.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return isinstance(found, type) and issubclass(found, (set, frozenset))
