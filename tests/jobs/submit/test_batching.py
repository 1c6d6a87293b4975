from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.submit.batching import check_batch_size, divide, number_of_calls


@pytest.mark.parametrize(
    ("items", "capacity", "calls"),
    [(1, 8, 1), (5, 8, 5), (8, 8, 8), (9, 8, 8), (100_000, 8, 8), (100_000, 1000, 1000), (3, 1, 1)],
)
def test_auto_makes_as_many_calls_as_the_backend_takes_at_once(items: int, capacity: int, calls: int) -> None:
    assert number_of_calls(items, "auto", capacity) == calls


@pytest.mark.parametrize(
    ("items", "batch_size", "calls"),
    [(10, 1, 10), (10, 3, 4), (10, 10, 1), (10, 11, 1), (1, 1, 1), (100_000, 1, 100_000)],
)
def test_a_number_is_the_most_items_of_a_call_whatever_the_capacity(items: int, batch_size: int, calls: int) -> None:
    assert number_of_calls(items, batch_size, capacity=2) == calls


@pytest.mark.parametrize(("batch_size", "calls"), [("auto", 3), (1, 3), (50, 2)])
def test_max_concurrency_is_the_most_calls(batch_size: Any, calls: int) -> None:
    assert number_of_calls(100, batch_size, capacity=8, max_concurrency=3) == calls


@pytest.mark.parametrize("batch_size", ["auto", 1, 10**6])
def test_right_batch_sizes(batch_size: Any) -> None:
    check_batch_size(batch_size)


@pytest.mark.parametrize("batch_size", [0, -1, "many", "", "5", 2.5, True, False, None])
def test_wrong_batch_sizes(batch_size: Any) -> None:
    with pytest.raises(InvalidInputError, match=r'batch_size must be "auto" or a number of items, at least 1; got '):
        check_batch_size(batch_size)
    with pytest.raises(InvalidInputError):
        number_of_calls(10, batch_size, 8)


@pytest.mark.parametrize(
    ("items", "calls", "at_once", "sizes"),
    [
        (100, 6, 2, [25, 25, 15, 15, 10, 10]),
        (100, 5, 2, [27, 28, 17, 16, 12]),
        (100, 9, 2, [19, 19, 12, 11, 8, 7, 8, 8, 8]),
        (7, 6, 2, [1, 1, 1, 1, 1, 2]),
        (10, 6, 2, [2, 3, 1, 2, 1, 1]),
        (6, 6, 2, [1, 1, 1, 1, 1, 1]),
        (10, 4, 4, [2, 3, 2, 3]),
        (10, 1, 8, [10]),
    ],
)
def test_calls_that_begin_later_get_fewer_items(items: int, calls: int, at_once: int, sizes: list[int]) -> None:
    divided = divide(range(items), calls, at_once)

    assert [len(piece) for piece in divided] == sizes
    assert [index for piece in divided for index in piece] == list(range(items))


@pytest.mark.parametrize("at_once", [1, 2, 3, 8])
def test_no_call_is_left_without_items(at_once: int) -> None:
    for items in range(1, 60):
        for calls in range(1, min(items, 3 * at_once) + 1):
            assert all(divide(range(items), calls, at_once))
