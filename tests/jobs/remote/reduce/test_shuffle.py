"""What a shuffle groups, and how the reduce calls the user's function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs import ReduceByKey
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.reduce import runs
from lithops_provider.jobs.remote.reduce.shuffle import in_order
from tests.jobs.by_key import letters, total
from tests.jobs.by_key_here import by_key_here, run_reduce, run_shuffle, store_job


@pytest.mark.parametrize("combine", [None, total], ids=["as they are", "combined"])
@pytest.mark.parametrize("budget", [20_000, runs.BUDGET], ids=["on disk", "in memory"])
def test_a_hot_key_and_many_others(client: LithopsClient, monkeypatch: Any, budget: int, combine: Any) -> None:
    monkeypatch.setattr(runs, "BUDGET", budget)

    def many(start: int) -> Iterator[tuple[Any, int]]:
        for number in range(start, start + 5_000):
            yield "hot", number
            yield number % 3_000, 1

    def twice(key: Any, values: Any) -> tuple[int, int]:
        return sum(values), sum(values)  # which can be gone over again

    found = by_key_here(client, ReduceByKey(twice, combine=combine, reducers=3), many, [0, 5_000, 10_000])

    expected: dict[Any, int] = {"hot": sum(range(15_000)), **dict.fromkeys(range(3_000), 5)}
    assert dict(found) == {key: (value, value) for key, value in expected.items()}
    assert len(found) == len(expected)


def skip() -> None:
    raise type("AirflowSkipException", (Exception,), {"__module__": "airflow.exceptions"})


def test_the_reduce_may_skip_keys_and_there_may_be_nothing(client: LithopsClient) -> None:
    def but_a(key: str, values: Any) -> int:
        if key == "a":
            skip()
        return len(values)

    reduction = ReduceByKey(but_a)
    skipped = store_job(client, [{"a": 1}, None, {"b": 1, "d": 1}, [("b", 1)]])  # None is what skipped items have
    assert run_reduce(client, reduction, run_shuffle(client, reduction, skipped)) == [["b", 2], ["d", 1]]
    assert by_key_here(client, reduction, list, ["", ""]) == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([3, 1, 2], [1, 2, 3]),
        ([(2, "a"), (1, "b")], [(1, "b"), (2, "a")]),
        ([1, 3, 2, "x"], [1, 3, 2, "x"]),  # which a sort that fails in the end would have begun to put in order
        ([2, 1, None], [2, 1, None]),
        ([frozenset([2]), frozenset([1]), frozenset()], [frozenset([2]), frozenset([1]), frozenset()]),
    ],
    ids=["numbers", "tuples", "mixed kinds", "None", "sets"],
)
def test_keys_are_sorted_or_stay_as_they_are(keys: list[Any], expected: list[Any]) -> None:
    assert in_order([[key, 0] for key in keys]) == [[key, 0] for key in expected]


def test_a_reduce_that_fails_says_for_which_key(client: LithopsClient, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(key: str, values: Any) -> int:
        return 1 // (key != "b")

    with pytest.raises(ZeroDivisionError):
        by_key_here(client, ReduceByKey(fails, reducers=1), letters, ["ab"])

    assert capsys.readouterr().out == "the reduce function failed for the key 'b'\n"


def test_so_does_a_combine_function_wherever_it_fails(
    client: LithopsClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(key: str, values: Any) -> int:
        return 1 // (key != "b")

    reduction = ReduceByKey(total, combine=fails)
    for results in ([[("a", 1), ("a", 1), ("b", 1)], [("b", 1)]], [[("b", 1), ("b", 1)]]):
        with pytest.raises(ZeroDivisionError):
            run_shuffle(client, reduction, store_job(client, results))
        assert capsys.readouterr().out == "the combine function failed for the key 'b'\n"


@pytest.mark.parametrize("which", ["reduce_function", "combine_function"])
def test_a_generator_for_a_key_is_an_error_that_says_whose_it_is(client: LithopsClient, which: str) -> None:
    def later(key: Any, values: Any) -> Any:
        return (value for value in values)

    reduction = ReduceByKey(later) if which == "reduce_function" else ReduceByKey(total, combine=later)
    mapped = store_job(client, [[("a", 1)], [("a", 2)]])

    with pytest.raises(TypeError, match=rf"{which} has returned a generator for the key 'a'.*return list"):
        run_reduce(client, reduction, run_shuffle(client, reduction, mapped))
