"""
The ways in which a map's results can be reduced: at once, an object's at a time, or in a tree. Each says which phases
follow the map, and what the items of each are. `LithopsMapReduceOperator` and scripts use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.binding.defaults import WithDefaults
from lithops_provider.jobs.binding.function import Binding
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs import reduce, tree
from lithops_provider.jobs.job import LithopsJob

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Arguments

#: The first and the last phase of each reduction.
MAP, REDUCE = "map", "reduce"


@dataclass(frozen=True)
class Reduction:
    """
    A reduce of all results at once, by a single call.

    :param function: the user's function; its first parameter takes a list of results
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    """

    function: Callable[..., Any] | WithDefaults
    extra_args: Any = None

    #: Whether the reduce function is called with an empty list if the map has no items.
    after_nothing = True
    #: Whether all items of the reduce have to succeed, since the results of some alone would make no sense.
    needs_all = False
    #: Whether each call of the reduce is to take as many items as ``batch_size`` says, as those of the map do.
    batched = True

    def map_function(self, function: Any) -> Any:
        """Returns the function that the map calls for each item: the user's own, or one that takes its place."""
        return function

    def bind(self, phase: str) -> Binding:
        """
        Binds the function of a phase that follows the map.

        :raises InvalidInputError: it doesn't take the arguments with which it would be called
        """
        return reduce.bind_reduce(self.function, self.extra_args)

    def has_phase(self, phase: str) -> bool:
        """Tells whether a phase may be one of this reduction, the map included."""
        return phase in (MAP, REDUCE)

    def next_phase(self, phase: str, job: LithopsJob | None) -> str:
        """
        Returns the phase that follows on one that isn't the last.

        :param phase: the one that is over
        :param job: its job; None if it had no items
        """
        return REDUCE

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[Arguments]:
        """
        Returns the items of a phase.

        :param client: where the jobs are
        :param phase: the phase
        :param before: the job of the phase before it
        """
        return reduce.reduce_items(client, before, None)

    def result(self, results: list[Any]) -> Any:
        """Returns the result of the whole reduce, made of the results of its last phase."""
        return results[0]


@dataclass(frozen=True)
class ReducePerObject(Reduction):
    """
    A reduce of each object's results separately, with a call for each object.

    :param chunks: returns, for each object, into how many items it was split
    """

    chunks: Callable[[], Sequence[int]] = list

    after_nothing = False

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[Arguments]:
        """Returns one item for each object."""
        return reduce.reduce_items(client, before, self.chunks())

    def result(self, results: list[Any]) -> Any:
        """Returns the list of all results."""
        return results


@dataclass(frozen=True)
class TreeReduce(Reduction):
    """
    A reduce of ``fan_in`` results at a time, then of ``fan_in`` of the results of that, and so on until one is left.
    The phases are ``reduce-1``, ``reduce-2``, and so on; the last is ``reduce``.

    :param fan_in: results that a call of the function gets at most
    """

    fan_in: int = 2

    needs_all = True
    batched = False

    def __post_init__(self) -> None:
        if self.fan_in < 2:
            raise InvalidInputError(
                f"reduce_fan_in must be at least 2, got {self.fan_in}: it is how many results are reduced to one"
            )

    def has_phase(self, phase: str) -> bool:
        """Tells whether it is the map or one of the tree's levels."""
        name, _, level = phase.partition("-")
        return super().has_phase(phase) or (name == REDUCE and level.isdecimal())

    def next_phase(self, phase: str, job: LithopsJob | None) -> str:
        """Returns the tree's next level."""
        if job is None or job.items <= self.fan_in:
            return REDUCE
        level = phase.partition("-")[2]
        return f"{REDUCE}-{int(level or 0) + 1}"

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[Arguments]:
        """Returns an item for each ``fan_in`` results, or fewer where they don't divide evenly."""
        return tree.tree_items(client, before, self.fan_in)


def results_of(jobs: Mapping[str, LithopsJob], phase: str) -> LithopsJob | None:
    """
    Returns the job whose results a phase reduces: that of the phase before.

    :param jobs: the jobs that are over by phase, in the order in which they ran
    :param phase: the phase
    """
    before = [job for name, job in jobs.items() if name != phase]
    return before[-1] if before else None
