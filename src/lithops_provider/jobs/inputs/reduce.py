"""The second phase of a map-reduce: a job whose items are the results of another, read inside the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from lithops_provider.jobs.binding.function import Binding, bind_function
from lithops_provider.jobs.job import LithopsJob

SpecialItem = tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]


def bind_reduce(reduce_function: Callable[..., Any], extra_args: Any = None) -> Binding:
    """
    Binds a reduce function.

    :param reduce_function: its first parameter is to take the list of results
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    :raises InvalidInputError: it doesn't take them
    """
    binding = bind_function(reduce_function, extra_args, parameter="reduce_function")
    binding.check(([],), {}, "the list of the map's results")
    return binding


def reduce_items(mapped: LithopsJob, chunks: Sequence[int] | None) -> list[SpecialItem]:
    """
    Returns the items of the reduce.

    :param mapped: the finished map
    :param chunks: number of items of each object, for one reducer an object; None for a single reducer
    """
    reference = mapped.reference()
    if chunks is None:
        return [((), {}, {"results": [(0, [reference], False)]})]
    ends = list(accumulate(chunks))
    return [
        ((), {}, {"results": [(0, [{**reference, "first": end - count, "last": end - 1}], False)]})
        for end, count in zip(ends, chunks, strict=True)
    ]
