"""
A reduce by key: the map gives pairs, and a function is called for each key with all of its values. Between the two, a
phase ``shuffle`` brings pairs of the same key together. The shuffle is a job like any other, so calls that are lost,
fail or run twice are handled as everywhere. `choose_reduction` makes a `ReduceByKey`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.binding.defaults import WithDefaults, unwrap
from lithops_provider.jobs.binding.drivers import Driver
from lithops_provider.jobs.binding.function import Binding, bind_function, chunked, plain_function
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.reductions import MAP, REDUCE, Reduction
from lithops_provider.jobs.inputs.tree import spans_of, successes
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.reduce.keys import stable_hash
from lithops_provider.jobs.remote.reduce.shuffle import in_order
from lithops_provider.jobs.wait import gather_results

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Arguments, PairsPlace
    from lithops_provider.jobs.remote.reduce.shuffle import ShuffledPairs

SHUFFLE = "shuffle"

#: Bytes of the map's results that a call of the shuffle takes: at least, if there are so many; and at most.
_LEAST, _MOST = 1 << 20, 256 << 20


@dataclass(frozen=True)
class ReduceByKey(Reduction):
    """
    A reduce by key. Its phases are ``shuffle`` and ``reduce``.

    :param reducers: calls that the keys are divided among; None for as many as the backend takes at once
    :param combine: makes one value of several of a key, before they are stored
    """

    reducers: int | None = None
    combine: Callable[..., Any] | None = None

    after_nothing = False
    needs_all = True
    batched = False

    def __post_init__(self) -> None:
        if self.reducers is not None and self.reducers < 1:
            raise InvalidInputError(f"reducers must be at least 1, got {self.reducers}")
        if self.combine is not None:
            combine = bind_function(self.combine, parameter="combine_function")
            combine.check((None, []), {}, "a key and the list of its values")

    def map_function(self, function: Any) -> Any:
        """Returns what takes the place of the map's function: it also checks and combines the pairs of that."""
        plain = unwrap(function)
        if not callable(plain) or inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
            return function  # it can't be used, and binding it raises the error that says so
        driver = Driver("reduce.pairs", "emit", plain_function(plain), self.combine)
        return dataclasses.replace(function, function=driver) if isinstance(function, WithDefaults) else driver

    def bind(self, phase: str) -> Binding:
        """Binds the function of the shuffle or of the reduce."""
        if phase == SHUFFLE:
            driver = Driver("reduce.shuffle", "shuffle", self.combine)
            return Binding(driver, SHUFFLE, (), {}, (), False, None)
        binding = bind_function(self.function, self.extra_args, parameter="reduce_function")
        binding.check((None, []), {}, "a key and its values")
        return dataclasses.replace(binding, function=Driver("reduce.shuffle", "reduce_keys", binding.function))

    def has_phase(self, phase: str) -> bool:
        """Tells whether it is the map, the shuffle or the reduce."""
        return phase in (MAP, SHUFFLE, REDUCE)

    def next_phase(self, phase: str, job: LithopsJob | None) -> str:
        """Returns the shuffle after the map, and the reduce after the shuffle."""
        return SHUFFLE if phase == MAP else REDUCE

    def items(self, client: LithopsClient, phase: str, before: LithopsJob) -> Sequence[Arguments]:
        """Returns the shuffle's items, each for some of the map's results; or the reduce's, each for some keys."""
        if phase == SHUFFLE:
            return shuffle_items(client, before, self.reducers or client.compute.capacity())
        return reducer_items(client, before)

    def result(self, results: list[Any]) -> Any:
        """Returns a list of ``[key, result]``, sorted by the keys if they can be, else by their hashes."""
        found = [entry for part in results for entry in part]
        found.sort(key=lambda entry: stable_hash(entry[0]))
        return in_order(found)


def shuffle_items(client: LithopsClient, mapped: LithopsJob, partitions: int) -> list[Arguments]:
    """
    Returns the items of a shuffle: neighbouring results of the map.

    :param client: where the map ran
    :param mapped: the finished map
    :param partitions: into how many ranges the keys are divided, by their hashes
    """
    places = successes(client, mapped)
    size = sum(end - start for _, (start, end) in places)
    wanted = max(min(client.compute.capacity(), math.ceil(size / _LEAST)), math.ceil(size / _MOST))
    shared: PairsPlace = {
        "bucket": mapped.bucket,
        "prefix": f"{mapped.prefix}/pairs",
        "modules": mapped.round_prefix(0),
        "partitions": partitions,
    }
    groups = chunked(range(len(places)), min(wanted, len(places))) if places else []
    return [((), {}, {"stored": {**shared, "spans": spans_of(places, group)}}) for group in groups]


def reducer_items(client: LithopsClient, shuffled: LithopsJob) -> list[Arguments]:
    """
    Returns the items of the reduce, one for each range of hashes in which there are keys.

    :param client: where the shuffle ran
    :param shuffled: the finished shuffle
    """
    stored: list[ShuffledPairs] = gather_results(client, shuffled)
    partitions = min((len(entry["offsets"]) - 1 for entry in stored), default=0)
    items: list[Arguments] = []
    for number in range(partitions):
        segments = [
            (entry["key"], start, end)
            for entry in stored
            for start, end in [entry["offsets"][number : number + 2]]
            if start < end
        ]
        if segments:
            where: PairsPlace = {
                "bucket": shuffled.bucket,
                "segments": segments,
                "modules": stored[0]["modules"],
            }
            items.append(((), {}, {"stored": where}))
    return items
