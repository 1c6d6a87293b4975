"""
A hash of keys that is the same in every process, and the same for keys that are equal. Python's own hash of texts, of
None, and of what contains them differs between processes. The functions of a reduce by key sort and divide keys by it.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import numbers
import pathlib
import uuid
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable

#: Hashes are below this.
HASHES = 1 << 32
#: The hash of all keys for which it isn't known what makes them equal. So equal ones have the same hash in any case.
_UNKNOWN = 0x9E3779B9
_NONE = 0x85EBCA6B


def stable_hash(key: Any) -> int:
    """
    Returns the hash of a key: a number from 0 to 2**32 - 1.

    :param key: a key of any type that can be hashed. All keys of classes for which it isn't known when two instances
        are equal have the same hash
    :raises TypeError: it can't be hashed
    :raises ValueError: it isn't equal to itself, such as NaN
    """
    known = _BY_TYPE.get(type(key))
    return _hash_other(key) if known is None else known(key)


def _hash_other(key: Any) -> int:
    """Returns the hash of a key whose class isn't one of Python's own; the key may be equal to one whose class is."""
    hash(key)
    kind = type(key)
    if kind.__module__.partition(".")[0] == "numpy":
        return _hash_numpy(key)
    if isinstance(key, datetime.datetime):  # before the others: pandas.Timestamp compares itself in its own way
        return _hash_datetime(key)
    if isinstance(key, datetime.timedelta) and kind.__module__.partition(".")[0] == "pandas":  # the same of Timedelta
        return _hash_timedelta(key)
    for base, function in _BASES:
        if isinstance(key, base) and kind.__eq__ is base.__eq__:
            return function(key)
    if isinstance(key, numbers.Number):
        return _hash_number(key)
    if isinstance(key, enum.Enum):
        return _hash_text(f"{kind.__qualname__}.{key._name_}")
    if isinstance(key, pathlib.PurePath):
        return _hash_text(str(key).casefold())  # on some systems, case doesn't matter
    if _compares_fields(kind):
        values = [getattr(key, field.name) for field in dataclasses.fields(key) if field.compare]
        return _hash_parts(kind.__qualname__, values)
    return _UNKNOWN


def _compares_fields(kind: type) -> bool:
    """Tells whether a class is a dataclass whose instances are equal if their fields are."""
    code = getattr(kind.__eq__, "__code__", None)
    # A method that `dataclasses` has made has no file. One that the user has written may compare in another way.
    return dataclasses.is_dataclass(kind) and code is not None and code.co_filename == "<string>"


def _hash_numpy(key: Any) -> int:
    """
    Returns the hash of an object of numpy. A scalar is equal to the Python value that it holds. Times are equal
    whatever their units, and to Python's.
    """
    kind = key.dtype.kind if hasattr(key, "item") else ""  # else it is no scalar, but a type for instance
    if kind in ("M", "m"):
        return _hash_numpy_time(key, f"{kind}8[us]")
    if kind not in set("biufcSU"):
        return _UNKNOWN
    plain = key.item()
    return _hash_number(key) if type(plain) is type(key) else stable_hash(plain)


def _hash_numpy_time(key: Any, as_microseconds: str) -> int:
    _check_equal_to_itself(key)
    plain = key.astype(as_microseconds).item()
    return _UNKNOWN if isinstance(plain, int) else stable_hash(plain)  # Python has no time so far away


def _check_equal_to_itself(key: Any) -> None:
    if key != key:
        raise ValueError(f"{key!r} can't be a key: it isn't equal to itself; use None in its place, or leave it out")


def _hash_number(key: Any) -> int:
    """Returns the hash of a number by Python's own, which is the same for equal numbers and in every process."""
    _check_equal_to_itself(key)
    return crc32(hash(key).to_bytes(8, "little", signed=True))


def _hash_text(key: str) -> int:
    return crc32(key.encode("utf-8", "surrogatepass"))


def _hash_bytes(key: bytes) -> int:
    return crc32(key, 1)


def _hash_parts(name: str, parts: Any) -> int:
    return crc32(b"".join(stable_hash(part).to_bytes(4, "little") for part in parts), crc32(name.encode()))


def _hash_tuple(key: tuple[Any, ...]) -> int:
    return _hash_parts("tuple", key)


def _hash_set(key: frozenset[Any]) -> int:
    return _hash_parts("frozenset", sorted(map(stable_hash, key)))


def _hash_datetime(key: datetime.datetime) -> int:
    """
    Returns the hash of a moment: times in different zones are equal if they are the same moment. Python compares them
    as if they had ``fold=0``.
    """
    _check_equal_to_itself(key)  # as pandas.NaT isn't
    plain = key.replace(fold=0)
    offset = plain.utcoffset() or datetime.timedelta(0)
    seconds = plain.hour * 3600 + plain.minute * 60 + plain.second
    return _hash_microseconds("datetime", plain.toordinal(), seconds, plain.microsecond, offset)


def _hash_time(key: datetime.time) -> int:
    plain = key.replace(fold=0)
    offset = plain.utcoffset() or datetime.timedelta(0)
    seconds = plain.hour * 3600 + plain.minute * 60 + plain.second
    return _hash_microseconds("time", 0, seconds, plain.microsecond, offset)


def _hash_microseconds(name: str, days: int, seconds: int, microseconds: int, offset: datetime.timedelta) -> int:
    days, seconds, microseconds = days - offset.days, seconds - offset.seconds, microseconds - offset.microseconds
    return crc32(str((days * 86_400 + seconds) * 1_000_000 + microseconds).encode(), crc32(name.encode()))


def _hash_date(key: datetime.date) -> int:
    return crc32(key.isoformat().encode(), 2)


def _hash_timedelta(key: datetime.timedelta) -> int:
    return _hash_microseconds("timedelta", key.days, key.seconds, key.microseconds, datetime.timedelta(0))


def _hash_uuid(key: uuid.UUID) -> int:
    return crc32(key.bytes, 3)


def _hash_none(key: None) -> int:
    return _NONE


_BASES: tuple[tuple[type, Callable[[Any], int]], ...] = (
    (str, _hash_text),
    (bytes, _hash_bytes),
    (int, _hash_number),
    (float, _hash_number),
    (complex, _hash_number),
    (tuple, _hash_tuple),
    (frozenset, _hash_set),
    (datetime.date, _hash_date),
    (datetime.time, _hash_time),
    (datetime.timedelta, _hash_timedelta),
    (uuid.UUID, _hash_uuid),
)
_BY_TYPE: dict[type, Callable[[Any], int]] = {
    **dict(_BASES),
    bool: _hash_number,
    datetime.datetime: _hash_datetime,
    type(None): _hash_none,
}
