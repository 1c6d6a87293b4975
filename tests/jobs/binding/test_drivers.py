"""A function of ours in the place of the user's."""

from __future__ import annotations

import inspect
import operator
import pickle
from typing import Any

import lithops_provider.jobs.remote.batch  # noqa: F401 - where functions run, the wrapper has imported it
from lithops_provider.jobs.binding.drivers import Driver, run_remote
from lithops_provider.jobs.remote.reduce.stored import AllValues, StoredPairs
from lithops_provider.jobs.text import function_name


def test_a_function_is_found_by_module_and_name() -> None:
    assert run_remote("reduce.shuffle", "in_order", [["b", 1], ["a", 2]]) == [["a", 2], ["b", 1]]


def test_to_whoever_binds_it_it_is_the_users_function() -> None:
    def total(key: str, values: list[int], more: int = 0) -> int:
        return sum(values) + more

    driver = Driver("reduce.shuffle", "reduce_keys", total)

    assert function_name(driver) == "total"
    assert inspect.signature(driver) == inspect.signature(total)


def test_what_travels_calls_ours_with_the_users_in_front() -> None:
    nothing: Any = StoredPairs(None, {"bucket": "b", "segments": [], "modules": ""})
    driver = Driver("reduce.shuffle", "reduce_keys", operator.add)

    travelled = pickle.loads(pickle.dumps(driver))

    assert travelled.args == ("reduce.shuffle", "reduce_keys", operator.add)
    assert travelled(nothing, AllValues()) == driver(nothing, AllValues()) == []


def test_it_may_stand_for_no_function() -> None:
    assert Driver("reduce.shuffle", "shuffle", None).functions == (None,)
