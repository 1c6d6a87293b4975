"""Classes that travel by value, within many items and results."""

from __future__ import annotations

import abc
import enum
import pickle
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.remote.class_pickles import load, loader
from lithops_provider.jobs.remote.items import dump_result
from lithops_provider.jobs.remote.shipped_modules import dump_by_value
from lithops_provider.jobs.submit.digest import digest_items
from lithops_provider.jobs.submit.items import dump_items
from tests.programs import run_python

T = TypeVar("T")


class Counted:
    """Counts how often it is pickled, and unpickled."""

    pickled = 0
    unpickled = 0

    def __reduce__(self) -> Any:
        Counted.pickled += 1
        return counted, ()


def counted() -> Counted:
    Counted.unpickled += 1
    return Counted()


@pytest.fixture(autouse=True)
def _from_nothing() -> None:
    Counted.pickled = Counted.unpickled = 0


def make_class() -> Any:
    class Row:
        limits = Counted()

        def __init__(self, x: int) -> None:
            self.x = x

        def same(self, other: Any) -> bool:
            return type(self) is Row and type(other) is Row

    return Row


@pytest.mark.parametrize("as_generator", [False, True])
def test_the_class_of_many_items_is_pickled_once(as_generator: bool) -> None:
    row = make_class()
    items = (row(x) for x in range(600))
    dumped = dump_items(*bind_items(lambda x: x, items if as_generator else list(items)))

    assert Counted.pickled == 1
    loaded = [load(item)[0][0] for _, item in dumped]
    assert [one.x for one in loaded] == list(range(600))
    assert all(one.same(loaded[0]) for one in loaded)
    assert Counted.unpickled == 1


def test_the_class_of_many_results_is_pickled_once() -> None:
    row = make_class()
    results = [dump_by_value(row(x)) for x in range(100)]

    assert Counted.pickled == 1
    read = [loader(results[0])(memoryview(result)) for result in results]
    assert [one.x for one in read] == list(range(100))
    assert len({type(one) for one in read}) == 1
    assert Counted.unpickled == 1


def test_each_of_many_classes_is_its_own() -> None:
    """As where a function makes a class for each item."""
    made = [make_class() for _ in range(200)]
    loaded = [load(dump_by_value(one(x))) for x, one in enumerate(made)]

    assert [one.x for one in loaded] == list(range(200))
    assert len({type(one) for one in loaded}) == 200


def test_what_needs_nothing_of_this_package_reads_a_result_all_the_same() -> None:
    result = dump_by_value(make_class()(7))

    program = f"import pickle, sys\nprint(pickle.loads({result!r}).x, [n for n in sys.modules if 'lithops' in n])"
    module = f"import sys, types\nsys.modules[{__name__!r}] = module = types.ModuleType({__name__!r})\n"
    assert run_python(f"{module}module.counted = list\n{program}").split() == [b"7", b"[]"]


class Wrapped:
    """Pickles what it holds by itself, as loky's and joblib's wrappers do."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return pickle.loads, (pickle.dumps(self.value),)


def test_what_is_no_class_is_unpickled_each_time() -> None:
    """Else two items, or two calls of a function, would have the same list."""
    data = pickle.dumps(Wrapped([1]))
    one, other = load(data), load(data)

    one.append(2)
    assert (one, other) == ([1, 2], [1])


def test_a_result_that_is_a_class_arrives() -> None:
    row = make_class()

    assert load(dump_result(row))(3).x == 3
    assert load(dump_result({"kinds": [row, int, type(None)]}))["kinds"][1:] == [int, type(None)]


_DIGESTS = """
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.submit.digest import digest_items
from lithops_provider.jobs.submit.items import dump_items

class Row:
    words = {"alpha", "beta", "gamma", "delta"}
    def __init__(self, x):
        self.x = x

for digest in digest_items(dump_items(*bind_items(lambda x: x, [Row(1), Row(2), Row({"a", "b", "c"})]))):
    print(digest.hex())
"""


def test_items_have_the_same_digest_under_another_hash_seed() -> None:
    printed = [run_python(_DIGESTS, environment={"PYTHONHASHSEED": seed}).split() for seed in ("1", "2")]

    assert printed[0] == printed[1]
    assert len({*printed[0]}) == 3


def test_another_class_of_the_same_name_has_another_digest() -> None:
    def digest(limit: int) -> list[bytes]:
        class Row:
            def over(self) -> bool:
                return limit > 3

        return list(digest_items(dump_items(*bind_items(lambda x: x, [Row()]))))

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_a_class_in_a_circle_with_another_arrives() -> None:
    class First:
        other: Any = None

    class Second(First):
        pass

    First.other = Second
    first, second = (load(dump_by_value(cls())) for cls in (First, Second))

    assert type(first).other is type(second)
    assert type(second).other is type(second)
    assert issubclass(type(second), type(first))


def kinds() -> list[Any]:
    """Returns an instance of a class of every kind, and what it is equal to."""

    class Color(enum.Enum):
        RED = 1

    class Level(enum.IntFlag):
        LOW = 1
        HIGH = 2

    class Pair(NamedTuple):
        x: int

    @dataclass(frozen=True, slots=True)
    class Slotted:
        x: int

    class Meta(abc.ABCMeta):
        pass

    class Abstract(metaclass=Meta):
        @abc.abstractmethod
        def get(self) -> int: ...

    class Concrete(Abstract, Generic[T]):
        def get(self) -> int:
            return len(super().__class__.__name__)

        def __eq__(self, other: Any) -> bool:
            return isinstance(other, Concrete)

    class Words(dict[str, int]):
        pass

    class WrongError(ValueError):
        def __eq__(self, other: Any) -> bool:
            return isinstance(other, WrongError) and self.args == other.args

    return [Color.RED, Level.LOW | Level.HIGH, Pair(1), Slotted(2), Concrete(), Words(a=1), WrongError("no")]


@pytest.mark.parametrize("place", range(7))
def test_instances_of_classes_of_every_kind_arrive_as_they_were(place: int) -> None:
    value = kinds()[place]
    dumped = dump_items(*bind_items(lambda x: x, [[value, type(value)]] * 2))

    for loaded in (*(load(item)[0][0] for _, item in dumped), load(dump_by_value([value, type(value)]))):
        assert loaded == [value, type(value)]
        assert type(loaded[0]) is loaded[1] is type(value)
