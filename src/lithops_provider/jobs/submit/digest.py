"""
Digests of values, which are the same in every process: for a retry in a fresh interpreter, and for cached results.

The bytes of a pickle won't do: a set of str is pickled in another order under another PYTHONHASHSEED, a text that
occurs twice is pickled once or twice as it is one object or two, and cloudpickle makes up names for classes. So the
pickle is read, without importing or calling anything that it names, and what it would build is digested.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import operator
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from lithops_provider.jobs.remote.frames import ItemBlocks, load_block, unfold

#: The positions, in what cloudpickle builds things from, of what isn't part of their value: the name that it makes up
#: for a class; the module's name and file, which change with the path of a DAG bundle.
_NOT_VALUES = {"_make_skeleton_class": (4,), "_make_skeleton_enum": (5,), "_make_function": (1,)}
#: Of a code object: its file, its first line and its table of lines.
_CODE_PLACES = (10, 13, 14) if sys.version_info >= (3, 11) else (10, 12, 13)

#: Types of what a pickle holds in itself, beside collections.
_PLAIN_LEAVES = frozenset({int, float, bool, type(None), str})
#: Bytes of a text, or of the text of a number, below which it stands for itself.
_SHORT = 64
#: Dicts of a list that are digested at once.
_AT_ONCE = 500
#: How Airflow begins the name of a DAG file's module (airflow.sdk, `get_unique_dag_module_name`), and the digest of the
#: file's path that follows.
DAG_MODULE_PREFIX = "unusual_prefix_"
_DAG_MODULE_HASH = re.compile(f"^{DAG_MODULE_PREFIX}[0-9a-f]+_")


class UndigestibleError(Exception):
    """A pickle can't be read in this way, so nobody can tell whether its value is that of another."""


def digest_pickle(blob: bytes) -> str:
    """
    Returns the digest of the value in a pickle. Equal values have equal digests: sets in any order, dicts in any order,
    functions and classes that were pickled by value by their code and what they refer to, not by their place in a file.

    :param blob: from `pickle` or cloudpickle, of this version of Python
    :raises UndigestibleError: the pickle uses buffers outside of it, or is nested too deeply
    """
    try:
        return _hash(b"value", [_Digester().digest(_read(blob))]).hex()
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
                value = _read(item) if isinstance(item, bytes) else item
                digest = _digest_plain_item(value) or _hash(b"item", [_Digester().digest(value)])
            except Exception as error:  # whatever a pickle of anybody's class may hold
                raise UndigestibleError(f"the item {index} of a block: {type(error).__name__}: {error}") from error
            yield digest


def _digest_plain_item(item: Any) -> bytes | None:
    """
    Returns the digest of an item that has nothing but numbers and texts as arguments, and maybe an object in storage,
    as most items of very many have: `_Digester` takes 20 times as long. None of another.
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
    text = _text((len(args), len(names), *args, *names, *map(kwargs.__getitem__, names), *filled))
    return None if text is None else hashlib.blake2b(b"plain " + text, digest_size=16).digest()


def _read(blob: bytes) -> Any:
    """Reads a pickle: in C what is plain data, as most arguments are. `_Reader` takes 20 times as long."""
    try:
        return _PlainReader(io.BytesIO(blob)).load()
    except Exception:  # whatever keeps it from being plain
        return _Reader(blob).load()


class _PlainReader(pickle.Unpickler):
    """Reads a pickle in which nothing is imported."""

    def find_class(self, module: str, name: str) -> Any:
        """Gives up: `_Reader` does that."""
        raise UndigestibleError(f"{module}:{name}")


class _Global(str):
    """The name of something that the pickle would import."""

    __slots__ = ()


_LEAVES = _PLAIN_LEAVES | {bytes, bytearray, _Global}


class _Built:
    """
    What the pickle would get by calling something.

    :param call: what, and with which arguments
    """

    def __init__(self, *call: Any) -> None:
        self.call = call
        self.state: list[Any] = []
        self.entries: list[Any] = []

    def append(self, entry: Any) -> None:
        """Takes an entry of a list that is no plain one."""
        self.entries.append(entry)

    def extend(self, entries: Iterable[Any]) -> None:
        """Takes entries of a list that is no plain one."""
        self.entries.extend(entries)


class _Set:
    """
    A set, whose entries need not be hashable here.

    :param kind: the name of its class
    :param entries: what is in it
    """

    def __init__(self, kind: str, entries: list[Any]) -> None:
        self.kind = kind
        self.entries = entries


class _Dict:
    """A dict, whose keys need not be hashable here."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, Any]] = []


#: Python's own reader of pickles in Python, whose steps can be replaced one by one.
_PythonUnpickler: Any = getattr(pickle, "_Unpickler")  # noqa: B009 - not in the typed interface


class _Reader(_PythonUnpickler):  # type: ignore[misc]
    """Reads a pickle into the classes above."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, blob: bytes) -> None:
        super().__init__(io.BytesIO(blob))

    def find_class(self, module: str, name: str) -> _Global:
        """Returns the name alone: nothing is imported."""
        return _Global(f"{module}:{name}")

    def get_extension(self, code: int) -> None:
        """Extensions are numbers that only the writing process can explain."""
        raise UndigestibleError(f"extension {code}")

    def load_empty_set(self) -> None:
        self.append(_Set("set", []))

    def load_additems(self) -> None:
        entries = self.pop_mark()
        self.stack[-1].entries.extend(entries)

    def load_frozenset(self) -> None:
        entries = self.pop_mark()  # which changes what `append` is
        self.append(_Set("frozenset", entries))

    def load_empty_dict(self) -> None:
        self.append(_Dict())

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1].entries.append((key, value))

    def load_setitems(self) -> None:
        entries = self.pop_mark()
        self.stack[-1].entries.extend(zip(entries[::2], entries[1::2], strict=True))

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.append(_Built("call", function, arguments))

    def load_newobj(self) -> None:
        arguments, cls = self.stack.pop(), self.stack.pop()
        self.append(_Built("new", cls, arguments))

    def load_newobj_ex(self) -> None:
        keywords, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.append(_Built("new", cls, arguments, keywords))

    def load_build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].state.append(state)

    def load_pop(self) -> None:
        """What is called and dropped sets the state of its first argument, as cloudpickle does with functions."""
        dropped = self.stack[-1] if self.stack else None
        super().load_pop()
        if isinstance(dropped, _Built) and isinstance(dropped.call[2], tuple) and dropped.call[2]:
            target, *state = dropped.call[2]
            if isinstance(target, _Built):
                target.state.append((dropped.call[1], state))

    for _code, _step in (
        (pickle.POP, load_pop),
        (pickle.EMPTY_SET, load_empty_set),
        (pickle.ADDITEMS, load_additems),
        (pickle.FROZENSET, load_frozenset),
        (pickle.EMPTY_DICT, load_empty_dict),
        (pickle.SETITEM, load_setitem),
        (pickle.SETITEMS, load_setitems),
        (pickle.REDUCE, load_reduce),
        (pickle.NEWOBJ, load_newobj),
        (pickle.NEWOBJ_EX, load_newobj_ex),
        (pickle.BUILD, load_build),
    ):
        dispatch[_code[0]] = _step


class _Digester:
    """Digests what `_Reader` has read. What occurs more than once is digested once."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        #: What was made here: `_known` goes by ids, which must not be given to anything else meanwhile.
        self._alive: list[Any] = []

    def digest(self, value: Any) -> bytes:
        """Returns the digest of a value, or itself with its type if it is short."""
        if not isinstance(value, (list, tuple, set, frozenset, dict, _Set, _Dict, _Built)):
            if type(value) not in _LEAVES:
                raise UndigestibleError(f"{type(value)}")  # its text may hold its place in memory
            if isinstance(value, str) and value.startswith(DAG_MODULE_PREFIX):
                value = type(value)(_DAG_MODULE_HASH.sub(DAG_MODULE_PREFIX, value))
            text = bytes(value) if isinstance(value, (bytes, bytearray)) else repr(value).encode()
            kind = type(value).__name__.encode()
            return kind + b" " + text if len(text) < _SHORT else _hash(kind, [text])
        found = self._known.get(id(value))
        if found is None:
            self._known[id(value)] = b"itself"  # for what holds itself
            found = self._known[id(value)] = self._digest_parts(value)
        return found

    def _digest_parts(self, value: Any) -> bytes:
        if isinstance(value, _Set):
            return _hash(value.kind.encode(), sorted(map(self.digest, value.entries)))
        if isinstance(value, (set, frozenset)):
            return _hash(type(value).__name__.encode(), sorted(map(self.digest, value)))
        if isinstance(value, (dict, _Dict)):
            return self._digest_dict(list(value.items()) if isinstance(value, dict) else value.entries)
        if isinstance(value, _Built):
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
        if keys in ({int}, {str}):  # which can be sorted
            ordered: list[tuple[Any, Any]] = sorted(entries, key=_key)
            text = _text(list(itertools.chain.from_iterable(ordered)))
            if text is not None:
                return _hash(b"dict", [b"text", text])
        return _hash(b"dict", sorted(_hash(b"", map(self.digest, entry)) for entry in entries))

    def _digest_built(self, value: _Built) -> bytes:
        how, function, arguments, *more = value.call
        name = _name_of(function)
        if isinstance(arguments, tuple):
            dropped = _CODE_PLACES if name == "CodeType" else _NOT_VALUES.get(name, ())
            arguments = tuple(entry for place, entry in enumerate(arguments) if place not in dropped)
            if len(arguments) == 1 and isinstance(arguments[0], list) and _is_set_class(function):
                arguments = (_Set("set", arguments[0]),)
        parts = [how, function, arguments, *more, value.state, value.entries]
        self._alive.append(parts)
        return _hash(b"built", map(self.digest, parts))


def _text(values: list[Any] | tuple[Any, ...]) -> bytes | None:
    """Returns the text of a list or tuple that holds nothing but numbers and texts. None of another."""
    if not _PLAIN_LEAVES.issuperset(map(type, values)):
        return None
    text = repr(values)
    return None if DAG_MODULE_PREFIX in text else text.encode()


def _records(values: list[Any] | tuple[Any, ...]) -> list[bytes] | None:
    """
    Returns the texts of a list or tuple of dicts that have the same keys, and nothing but numbers and texts in them:
    the keys, and some hundreds of dicts' values at a time. A dict by itself takes ten times as long. None of another.
    """
    kinds = set(map(type, values))
    if kinds == {_Dict} and all(type(key) is str for value in values for key, _ in value.entries):
        kinds, values = {dict}, [dict(value.entries) for value in values]
    if kinds != {dict} or len(set(map(len, values))) != 1 or not {str}.issuperset(map(type, values[0])):
        return None
    keys = sorted(values[0])
    get = operator.itemgetter(*keys) if keys else len
    texts = [_text(keys)]
    for start in range(0, len(values), _AT_ONCE):
        some = values[start : start + _AT_ONCE]
        if not {str}.issuperset(map(type, itertools.chain.from_iterable(some))):
            return None  # such as a class of str, which is equal to one
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
    if isinstance(function, _Global):
        module, _, name = function.partition(":")
        return name if module.startswith("cloudpickle") or module == "types" else ""
    if isinstance(function, _Built) and _name_of(function.call[1]) == "_builtin_type":
        return str(function.call[2][0])
    return ""


def _is_set_class(function: Any) -> bool:
    """Tells whether something is a class of sets, whose entries come in any order. Imports nothing."""
    if isinstance(function, _Built):  # a class that was pickled by value
        return _name_of(function.call[1]) == "_make_skeleton_class" and any(map(_is_set_class, function.call[2][2]))
    if not isinstance(function, _Global):
        return False
    module, _, name = function.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return isinstance(found, type) and issubclass(found, (set, frozenset))
