from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs.remote.reduce.pairs import emit


def yields(count: int) -> Iterator[tuple[str, int]]:
    for number in range(count):
        yield "ab"[number % 2], number


@pytest.mark.parametrize(
    ("returned", "pairs"),
    [
        ({"a": 1}, {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        ([("a", 1), ["a", 2]], [("a", 1), ("a", 2)]),
        ({("a", 1)}, [("a", 1)]),
        ([], []),
        ({}, {}),
    ],
)
def test_what_is_taken_as_pairs(returned: Any, pairs: Any) -> None:
    assert emit(lambda: returned, None) == pairs


def test_a_generator_is_gone_through() -> None:
    assert emit(yields, None, 3) == [("a", 0), ("b", 1), ("a", 2)]


def test_pairs_are_combined_before_they_are_stored() -> None:
    seen = []

    def add(key: str, values: Any) -> int:
        seen.append((key, list(values), len(values)))
        return sum(values)

    assert emit(yields, add, count=5) == {"a": 6, "b": 4}
    assert seen == [("a", [0, 2, 4], 3), ("b", [1, 3], 2)]
    # A single value is left as it is.
    assert emit(lambda: [("a", 7)], add) == {"a": 7}
    assert emit(lambda: Counter("aab"), add) == {"a": 2, "b": 1}
    assert len(seen) == 2


def test_a_mapping_of_the_users_own_becomes_a_dict_that_pickles_anywhere() -> None:
    for combine in (None, lambda key, values: sum(values)):
        assert type(emit(lambda: Counter("aab"), combine)) is dict


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (None, "this one has returned NoneType: None"),
        (7, "this one has returned int: 7"),
        ("ab", "this one has returned str: 'ab'"),
        ([("a", 1), "ab"], "entry 1 is str: 'ab'"),
        ([("a", 1, 2)], "entry 0 is tuple: ('a', 1, 2)"),
        ([([], 1)], "the key of entry 0, [], can't be hashed: unhashable type: 'list'; make it a tuple"),
    ],
)
@pytest.mark.parametrize("combine", [None, lambda key, values: sum(values)], ids=["as they are", "combined"])
def test_what_is_no_pairs_is_refused(returned: Any, problem: str, combine: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(problem)):
        emit(lambda: returned, combine)


def test_a_combine_function_that_returns_a_generator_is_told_to_return_a_list() -> None:
    with pytest.raises(TypeError, match=r"combine_function has returned a generator for the key 'a'.*return list"):
        emit(lambda: [("a", 1), ("a", 2)], lambda key, values: (value for value in values))


@pytest.mark.parametrize("returned", [{float("nan"): 1}, [(float("nan"), 1)]])
def test_a_key_that_is_not_equal_to_itself_is_refused(returned: Any) -> None:
    with pytest.raises(ValueError, match="nan can't be a key"):
        emit(lambda: returned, None)
