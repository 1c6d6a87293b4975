"""Keys that are equal have the same hash, in every process."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import os
import pathlib
import random
import subprocess
import sys
import uuid
import zoneinfo
from typing import Any, NamedTuple

import numpy  # noqa: TID253
import pandas  # noqa: TID253
import pytest

from lithops_provider.jobs.remote.reduce.keys import HASHES, stable_hash

UTC = datetime.timezone.utc
NOON = datetime.datetime(2026, 1, 1, 12)


class Point(NamedTuple):
    x: int
    y: float


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    YES = "yes"


@dataclasses.dataclass(frozen=True)
class Place:
    name: str
    number: float
    note: str = dataclasses.field(default="", compare=False)


class Folded(str):
    """Is equal to what differs in case alone."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.casefold() == other.casefold()

    def __hash__(self) -> int:
        return hash(self.casefold())


#: Keys that are equal, and are one key of a dict.
EQUAL: list[tuple[Any, ...]] = [
    (1, 1.0, True, complex(1), decimal.Decimal(1), fractions.Fraction(1), Level.LOW, numpy.int8(1), numpy.float64(1)),
    (True, numpy.bool_(True)),
    (0, 0.0, -0.0, False),
    (0.5, decimal.Decimal("0.5"), fractions.Fraction(1, 2), numpy.float32(0.5)),
    (2**80, 2.0**80),
    (math.inf, decimal.Decimal("inf")),
    ("yes", Word.YES, numpy.str_("yes")),
    (b"x", numpy.bytes_(b"x")),
    ((1, "a", None), (1.0, "a", None)),
    ((1, 2), Point(1, 2.0), Point(True, 2)),
    (frozenset([1, "a", (2, None)]), frozenset([(2.0, None), 1.0, "a"])),
    (
        datetime.datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime.datetime(2026, 1, 1, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        datetime.datetime(2026, 1, 1, 13, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        pandas.Timestamp("2026-01-01T12:00Z"),
    ),
    (NOON, pandas.Timestamp(NOON), NOON.replace(fold=1)),
    (datetime.time(12, tzinfo=UTC), datetime.time(13, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))),
    (datetime.timedelta(days=1), datetime.timedelta(hours=24), pandas.Timedelta(days=1)),
    (datetime.timedelta(microseconds=-1), -datetime.timedelta(microseconds=1)),
    (pathlib.PurePosixPath("a/b"), pathlib.PurePosixPath("a//b")),
    (Place("a", 1), Place("a", 1.0, note="not compared")),
    (Folded("a"), Folded("A")),
    (numpy.dtype("float64"), numpy.dtype(float)),
]


@pytest.mark.parametrize("keys", EQUAL, ids=range(len(EQUAL)))  # a set is written in another order in each process
def test_equal_keys_have_the_same_hash(keys: tuple[Any, ...]) -> None:
    assert len(dict.fromkeys(keys)) == 1  # as Python itself says
    assert len({stable_hash(key) for key in keys}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (numpy.datetime64("2026-01-01"), numpy.datetime64("2026-01-01T00")),
        (numpy.datetime64("2026-01-01T12", "ns"), numpy.datetime64("2026-01-01T12", "us")),
        (numpy.datetime64("2026-01-01T12", "us"), NOON),
        (numpy.datetime64("2026-01-01T12", "s"), pandas.Timestamp(NOON)),
        (numpy.datetime64("30000-01-01"), numpy.datetime64("30000-01-01T00", "s")),
        (numpy.timedelta64(1, "h"), numpy.timedelta64(60, "m")),
        (numpy.timedelta64(1, "h"), datetime.timedelta(hours=1)),
        (numpy.timedelta64(1, "h"), pandas.Timedelta(hours=1)),
        (numpy.timedelta64(-1, "ns"), pandas.Timedelta(-1, "ns")),
        (numpy.datetime64(-1, "ns"), pandas.Timestamp(-1, unit="ns")),
        (numpy.timedelta64(1, "Y"), numpy.timedelta64(12, "M")),
    ],
    ids=str,
)
def test_equal_times_of_numpy_have_the_same_hash_whatever_their_units(one: Any, other: Any) -> None:
    assert one == other  # whether a dict takes them for one key depends on numpy's version
    assert stable_hash(one) == stable_hash(other)


#: What has a hash of its own, and doesn't keep a key company that is equal to nothing of it.
OTHERS = [
    None, "None", "", b"", (), frozenset(), 0, 1, -1, "1", b"1", (1,), ((1,),), frozenset([1]), 0.1, NOON, NOON.date(),
    NOON.time(), datetime.timedelta(1), Color.RED, Place("a", 1), pathlib.PurePosixPath("x"), uuid.UUID(int=1),
    "\ud800",
]  # fmt: skip


def test_keys_that_differ_are_spread() -> None:
    assert len({stable_hash(key) for key in OTHERS}) == len(OTHERS)
    for many in (range(100_000), map(str, range(100_000)), ((number, "x") for number in range(100_000))):
        counts = [0] * 10
        for key in many:
            counts[stable_hash(key) * 10 // HASHES] += 1
        assert max(counts) < 1.1 * min(counts)


_PROGRAM = """
import json, sys
from tests.jobs.remote.reduce.test_keys import EQUAL, OTHERS
from lithops_provider.jobs.remote.reduce.keys import stable_hash
print(json.dumps([stable_hash(key) for key in [*OTHERS, *(key for keys in EQUAL for key in keys)]]))
"""


def test_the_hash_is_the_same_with_any_hash_seed() -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2")
    ]
    one, other = (run.communicate()[0] for run in runs)
    assert one == other != b""


@pytest.mark.parametrize(
    "key",
    [
        math.nan,
        complex(math.nan, 1),
        decimal.Decimal("nan"),
        ("a", math.nan),
        numpy.float32("nan"),
        pandas.NaT,
        numpy.datetime64("NaT"),
        numpy.timedelta64("NaT"),
    ],
)
def test_a_key_that_is_not_equal_to_itself_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="it isn't equal to itself"):
        stable_hash(key)


@pytest.mark.parametrize("key", [[], {}, ([],), set()])
def test_a_key_that_cannot_be_hashed_is_refused(key: Any) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        stable_hash(key)


def test_random_numbers_of_any_type() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        number = chance.choice([chance.randint(-(2**70), 2**70), chance.randint(-9, 9), chance.random()])
        for other in (float(number), decimal.Decimal(number), fractions.Fraction(number), numpy.float64(number)):
            if other == number and hash(other) == hash(number):  # numpy rounds an int to compare it
                assert stable_hash(other) == stable_hash(number)
