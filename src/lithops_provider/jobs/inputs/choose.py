"""
Chooses how results are reduced, by the parameters of `LithopsMapReduceOperator`. The operator and the hook call it
before they reduce, and the decorator when the DAG file is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lithops_provider.jobs.binding.defaults import WithDefaults
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.by_key import ReduceByKey
from lithops_provider.jobs.inputs.reductions import ReducePerObject, Reduction, TreeReduce


def choose_reduction(
    function: Callable[..., Any] | WithDefaults | None,
    extra_args: Any = None,
    *,
    reduce_fan_in: int | None = None,
    reduce_by_key: bool = False,
    reducers: int | None = None,
    combine_function: Callable[..., Any] | None = None,
    obj_reduce_by_key: bool = False,
) -> Reduction:
    """
    Returns how results are to be reduced.

    :param function: the user's ``reduce_function``
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    :param reduce_fan_in: reduce in a tree, so many results at a time
    :param reduce_by_key: the results are pairs of key and value; call the function once for each key
    :param reducers: how many calls the keys are divided among
    :param combine_function: makes one value of several values of a key, before they are stored
    :param obj_reduce_by_key: reduce the results of each object separately
    :raises InvalidInputError: a parameter is wrong, or two contradict each other
    """
    if function is None:
        raise InvalidInputError("reduce_function is required")
    ways = {
        "reduce_fan_in": reduce_fan_in is not None,
        "reduce_by_key": reduce_by_key,
        "obj_reduce_by_key": obj_reduce_by_key,
    }
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise InvalidInputError(
            f"{given[0]} and {given[1]} can't both be given: each says in its own way which results go together"
        )
    if reduce_by_key:
        return ReduceByKey(function, extra_args, reducers, combine_function)
    for name, value in (("reducers", reducers), ("combine_function", combine_function)):
        if value is not None:
            raise InvalidInputError(f"{name} is for a reduce by key: give reduce_by_key=True, too")
    if reduce_fan_in is not None:
        return TreeReduce(function, extra_args, reduce_fan_in)
    return ReducePerObject(function, extra_args) if obj_reduce_by_key else Reduction(function, extra_args)
