"""Functions of every kind, with every kind of arguments, as they run."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import MapStarter


def add(x: int, y: int) -> int:
    return x + y


def with_default(x: int, y: int = 10) -> int:
    return x + y


def keyword_only(x: int, *, y: int) -> int:
    return x + y


def positional_only(x: int, y: int, /) -> int:
    return x + y


def variadic(*args: int, **kwargs: int) -> Any:
    return args, kwargs


def injected(x: int, *rest: int, id: int, storage: Any) -> Any:
    return id, x, storage.backend, rest


class Adder:
    def __init__(self, y: int) -> None:
        self.y = y

    def __call__(self, x: int) -> int:
        return x + self.y

    def method(self, x: int) -> int:
        return x + self.y

    @classmethod
    def class_method(cls, x: int) -> int:
        return x + 1

    @staticmethod
    def static_method(x: int) -> int:
        return x + 1


@pytest.mark.parametrize(
    ("function", "items", "extra", "results"),
    [
        (add, [(1, 2), {"x": 3, "y": 4}], None, [3, 7]),
        (add, [1, (2,), {"x": 3}], {"y": 1}, [2, 3, 4]),
        (add, [1, 2, 3], [1], [2, 3, 4]),
        (add, [1, 2, 3], (1,), [2, 3, 4]),
        (lambda x: x * 2, [1, 2], None, [2, 4]),
        (functools.partial(add, 1), [1, 2], None, [2, 3]),
        (functools.partial(add, y=1), [1, 2], None, [2, 3]),
        (Adder(1), [1, 2], None, [2, 3]),
        (Adder(1).method, [1, 2], None, [2, 3]),
        (Adder.class_method, [1, 2], None, [2, 3]),
        (Adder.static_method, [1, 2], None, [2, 3]),
        (math.factorial, [3, 4], None, [6, 24]),
        (max, [(1, 2), (4, 3)], None, [2, 4]),
        (int, ["1", "2"], None, [1, 2]),
        ("{}!".format, ["a", "b"], None, ["a!", "b!"]),
        (operator.itemgetter(1), [([1, 2],), ("ab",)], None, [2, "b"]),
        (with_default, [1, (1, 2), {"x": 1}], None, [11, 3, 11]),
        (keyword_only, [1, 2], {"y": 1}, [2, 3]),
        (positional_only, [(1, 2), (3, 4)], None, [3, 7]),
        (variadic, [(1, 2), {"a": 1}, 3], {"k": 0}, [((1, 2), {"k": 0}), ((), {"k": 0, "a": 1}), ((3,), {"k": 0})]),
        (injected, [1, (2, 3, 4)], None, [(0, 1, "localhost", ()), (1, 2, "localhost", (3, 4))]),
        (len, "text", None, [4]),
        (len, b"bytes", None, [5]),
        (variadic, {"a": 1}, None, [((), {"a": 1})]),
        (variadic, [None, [], "", 0], None, [((None,), {}), (([],), {}), (("",), {}), ((0,), {})]),
    ],
)
def test_results_are_those_of_plain_calls(
    batch: BatchRunner, function: Callable[..., Any], items: Any, extra: Any, results: list[Any]
) -> None:
    done = batch(function, items, extra)

    assert done.failures() == {}
    assert [done.results()[index] for index in range(len(results))] == results


def numbers() -> Iterator[int]:
    yield from (3, 1, 2)


def test_a_generator_gives_items_in_its_order_and_none_stays_none(run_map: MapStarter) -> None:
    run = run_map(lambda x: None if x == 1 else x, numbers(), batch_size=2)

    assert run.results() == [3, None, 2]


def test_a_function_sees_its_own_copy_of_what_all_items_share(batch: BatchRunner) -> None:
    """As in a loop, the shared argument is the same object for the items of a batch; the user's is left alone."""
    shared: list[int] = []

    def append(x: int, seen: list[int]) -> int:
        seen.append(x)
        return len(seen)

    batch(append, range(3), {"seen": shared})

    assert shared == []


def test_functions_of_one_item_do_not_see_another_functions_globals(run_map: MapStarter) -> None:
    run = run_map(lambda x: sorted(set(globals()) & {"ItemRunner", "run_batch", "_Batch"}), [1])

    assert run.results() == [[]]
