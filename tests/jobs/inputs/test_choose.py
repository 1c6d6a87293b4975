from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.by_key import ReduceByKey
from lithops_provider.jobs.inputs.choose import choose_reduction
from lithops_provider.jobs.inputs.reductions import ReducePerObject, Reduction, TreeReduce


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({}, Reduction),
        ({"obj_reduce_by_key": True}, ReducePerObject),
        ({"reduce_fan_in": 2}, TreeReduce),
        ({"reduce_by_key": True, "reducers": 3, "combine_function": lambda key, values: 1}, ReduceByKey),
    ],
)
def test_the_parameters_say_which_it_is(parameters: dict[str, Any], kind: type) -> None:
    assert type(choose_reduction(sum, **parameters)) is kind


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"reduce_fan_in": 1}, "reduce_fan_in must be at least 2, got 1"),
        ({"reduce_fan_in": 2, "reduce_by_key": True}, "reduce_fan_in and reduce_by_key can't both be given"),
        ({"reduce_fan_in": 2, "obj_reduce_by_key": True}, "reduce_fan_in and obj_reduce_by_key can't both be given"),
        ({"reduce_by_key": True, "obj_reduce_by_key": True}, "reduce_by_key and obj_reduce_by_key can't both be given"),
        ({"combine_function": max}, "combine_function is for a reduce by key: give reduce_by_key=True"),
        ({"reducers": 2}, "reducers is for a reduce by key: give reduce_by_key=True"),
        ({"reducers": 0, "reduce_by_key": True}, "reducers must be at least 1, got 0"),
    ],
)
def test_what_contradicts_itself_is_refused(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        choose_reduction(sum, **parameters)


def test_there_has_to_be_a_function() -> None:
    with pytest.raises(InvalidInputError, match="reduce_function is required"):
        choose_reduction(None)
