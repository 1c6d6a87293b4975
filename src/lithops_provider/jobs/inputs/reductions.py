"""
The ways in which a map's results can be reduced: at once, an object's at a time, or in a tree. Each says which phases
follow the map, and what the items of each are. `LithopsMapReduceOperator` and scripts use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.binding.defaults import WithDefaults
from lithops_provider.jobs.binding.function import Binding
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs import reduce, tree
from lithops_provider.jobs.job import LithopsJob

#: The first and the last phase of each reduction.
MAP, REDUCE = "map", "reduce"


@dataclass(frozen=True)
class Reduction:
    """
    A reduce of all results at once, by a single call.

    :param function: the user's; its first parameter takes a list of results
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    """

    function: Callable[..., Any] | WithDefaults
    extra_args: Any = None

    #: Whether the reduce function is called with an empty list if the map has no items.
    after_nothing = True
    #: Whether a part of the reduce that fails leaves no result that would make sense.
    needs_all = False
    #: Whether each call of the reduce is to take as many items as ``batch_size`` says, as those of the map do.
    batched = True

    def map_function(self, function: Any) -> Any:
        """Returns what takes the place of the map's function."""
        return function

    def bind(self, phase: str) -> Binding:
        """
        Binds the function of a phase that follows the map.

        :raises InvalidInputError: it doesn't take what it would be called with
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

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[reduce.SpecialItem]:
        """
        Returns the items of a phase.

        :param client: where the jobs are
        :param phase: the phase
        :param before: the job of the phase before it
        """
        return reduce.reduce_items(client, before, None)

    def result(self, results: list[Any]) -> Any:
        """Returns what the reduce comes to, of the results of the last phase."""
        return results[0]


@dataclass(frozen=True)
class ReducePerObject(Reduction):
    """
    A reduce of each object's results, in a call each.

    :param chunks: returns the number of items that each object has become
    """

    chunks: Callable[[], Sequence[int]] = list

    after_nothing = False

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[reduce.SpecialItem]:
        """Returns an item an object."""
        return reduce.reduce_items(client, before, self.chunks())

    def result(self, results: list[Any]) -> Any:
        """Returns the list of all results."""
        return results


@dataclass(frozen=True)
class TreeReduce(Reduction):
    """
    A reduce of ``fan_in`` results at a time, then of as many of what came of these, until one is left. The phases are
    ``reduce-1``, ``reduce-2``, and so on; the last is ``reduce``.

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

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[reduce.SpecialItem]:
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
