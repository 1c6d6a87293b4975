"""
Makes the items of the second phase of a map-reduce: each has references to results of the map, which are read from
storage where the reduce function runs. The reductions of reductions.py call it once the map is over.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.binding.defaults import WithDefaults
from lithops_provider.jobs.binding.function import Binding, bind_function
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.submit.plan import load_plan

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Arguments, Reference


#: In the place of a call's number: the round doesn't have the item.
NO_CALL = -1


def bind_reduce(reduce_function: Callable[..., Any] | WithDefaults, extra_args: Any = None) -> Binding:
    """
    Binds a reduce function.

    :param reduce_function: its first parameter has to take the list of results
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    :raises InvalidInputError: it doesn't take the list and ``extra_args``
    """
    binding = bind_function(reduce_function, extra_args, parameter="reduce_function")
    binding.check(([],), {}, "the list of the map's results")
    return binding


def reduce_items(client: LithopsClient, mapped: LithopsJob, chunks: Sequence[int] | None) -> list[Arguments]:
    """
    Returns the items of the reduce.

    :param client: where the map ran
    :param mapped: the finished map
    :param chunks: into how many items each object was split, to get a reducer for each object; None for one reducer
    """
    reference = mapped.reference()
    if chunks is None:
        return [((), {}, {"results": [(0, [reference], False)]})]
    calls_of = [calls_of_items(client, mapped, number) for number in range(len(mapped.rounds))]
    items: list[Arguments] = []
    for end, count in zip(accumulate(chunks), chunks, strict=True):
        # The plan says which calls have an object's items, so that each reducer only reads what these have stored.
        calls = [None if found is None else sorted({*found[end - count : end]} - {NO_CALL}) for found in calls_of]
        only: Reference = {"first": end - count, "last": end - 1, "calls": calls}
        items.append(((), {}, {"results": [(0, [{**reference, **only}], False)]}))
    return items


def calls_of_items(client: LithopsClient, mapped: LithopsJob, number: int) -> array[int] | None:
    """
    Returns which call of a round has each item.

    :param client: where the map ran
    :param mapped: the job
    :param number: the number of the round
    :returns: by the index of the item the number of its call, or `NO_CALL`; None if the round has no plan any more
    """
    plan = load_plan(client, mapped, number)
    if plan is None:
        return None
    found = array("l", [NO_CALL]) * mapped.items
    for call, indices in enumerate(plan):
        for index in indices:
            found[index] = call
    return found
