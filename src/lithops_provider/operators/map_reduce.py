"""
The operator of a map-reduce: the phases that follow the map, what each binds, and what the last returns. `task/run.py`
runs it by the methods that `task/parameters.py` documents.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators.files import FILE_PHASES, ResultFiles
from lithops_provider.operators.map import LithopsMapOperator
from lithops_provider.task import arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding.function import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.inputs.reductions import Reduction
    from lithops_provider.task.handover import Handover
    from lithops_provider.task.phases import Phase


class LithopsMapReduceOperator(LithopsMapOperator):
    """
    Calls a function for each item, and then another one once with the list of all results. Returns the result of that.

    The reduce is sent when the map is done, and reads the map's results from storage inside its function: they pass
    neither through the Airflow worker nor through the database, and no reducer is paid for while it waits.

    :param reduce_function: its first parameter gets the list of the map's results; items that failed, if
        ``min_success_ratio`` allows that, are left out (alias: ``reduce_funtion``)
    :param extra_args_reduce: more arguments for ``reduce_function``: a dict of keywords, or a list or tuple of
        positional ones
    :param map_runtime_memory: MB for the map; None for ``runtime_memory``
    :param reduce_runtime_memory: MB for the reduce; None for ``runtime_memory``
    :param obj_reduce_by_key: one reducer per object, so the result is a list (alias: ``reducer_one_per_object``)
    :param reduce_fan_in: reduce the results in a tree, this many at a time, with the same function: its results have to
        be of the kind of its inputs. No call holds more results than that, and no call of the reduce may fail
    :param reduce_by_key: ``map_function`` returns, or yields, pairs of key and value, or returns a dict;
        ``reduce_function`` is called with each key and its values. Returns a list of ``[key, result]``, sorted by the
        keys if they can be
    :param reducers: how many calls the keys are divided among; None for as many as the backend takes at once
    :param combine_function: called with a key and some of its values, returns one value in their place, so that fewer
        pairs are stored
    :param reducer_wait_local: whether the map is waited for on the Airflow side before the reduce is sent. It always
        is; the parameter of the original is accepted either way
    :param async_invoke: return the value of the reduce's job as soon as that was sent
    :param kwargs: see `LithopsMapOperator`
    """

    phases: tuple[Phase, ...] = ("map", "reduce")
    template_fields: Sequence[str] = (
        "extra_args_reduce",
        "map_runtime_memory",
        "reduce_runtime_memory",
        "reduce_fan_in",
        "reducers",
        *LithopsMapOperator.template_fields,
    )

    def __init__(
        self,
        *,
        reduce_function: Callable[..., Any] | None = None,
        reduce_funtion: Callable[..., Any] | None = None,
        extra_args_reduce: Mapping[str, Any] | Sequence[Any] | None = None,
        map_runtime_memory: int | None = None,
        reduce_runtime_memory: int | None = None,
        obj_reduce_by_key: bool | None = None,
        reducer_one_per_object: bool | None = None,
        reduce_fan_in: int | None = None,
        reduce_by_key: bool = False,
        reducers: int | None = None,
        combine_function: Callable[..., Any] | None = None,
        reducer_wait_local: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reduce_function = reduce_function
        self.reduce_funtion = reduce_funtion
        self.extra_args_reduce = extra_args_reduce
        self.map_runtime_memory = map_runtime_memory
        self.reduce_runtime_memory = reduce_runtime_memory
        self.obj_reduce_by_key = obj_reduce_by_key
        self.reducer_one_per_object = reducer_one_per_object
        self.reduce_fan_in = reduce_fan_in
        self.reduce_by_key = reduce_by_key
        self.reducers = reducers
        self.combine_function = combine_function
        self.reducer_wait_local = reducer_wait_local

    def _bind(
        self, context: Context, client: LithopsClient, phase: Phase, handover: Handover
    ) -> tuple[Binding, Iterable[tuple[Any, ...]]]:
        if phase in FILE_PHASES:
            return super()._bind(context, client, phase, handover)
        reduction = self._reduction()
        reduction.bind("reduce")  # before the map, which would be in vain if the reduce can't be called
        if phase != "map":
            return reduction.bind(phase), self._reduce_items(reduction, client, phase, handover)
        binding, items = super()._bind(context, client, phase, handover)
        if not self._by_object():
            handover.chunks = None  # only a reduce per object needs them
        elif not binding.takes_object:
            raise InvalidInputError("obj_reduce_by_key needs objects as items: map_function has no parameter 'obj'")
        return binding, items

    @staticmethod
    def _reduce_items(
        reduction: Reduction, client: LithopsClient, phase: Phase, handover: Handover
    ) -> Sequence[tuple[Any, ...]]:
        from lithops_provider.jobs.inputs.reductions import ReducePerObject, results_of

        before = results_of(handover.jobs, phase)
        if before is None:  # the map had no items
            return [(([],), {})]
        if isinstance(reduction, ReducePerObject):
            reduction = dataclasses.replace(reduction, chunks=lambda: handover.object_chunks(client, "map"))
        return reduction.items(client, phase, before)

    def _bind_function(self, phase: Phase) -> Binding:
        if phase == "map" or phase in FILE_PHASES:
            return super()._bind_function(phase)
        return self._reduction().bind(phase)

    def _reduction(self) -> Reduction:
        """
        Returns how the map's results are to be reduced.

        :raises InvalidInputError: a parameter is wrong, or two contradict each other
        """
        from lithops_provider.jobs.inputs.choose import choose_reduction

        return choose_reduction(
            arguments.resolve(self, "reduce_function"),
            self.extra_args_reduce,
            reduce_fan_in=arguments.number("reduce_fan_in", self.reduce_fan_in, whole=True),
            reduce_by_key=arguments.flag("reduce_by_key", self.reduce_by_key),
            reducers=arguments.number("reducers", self.reducers, whole=True),
            combine_function=self.combine_function,
            obj_reduce_by_key=self._by_object(),
        )

    def _mapped(self) -> Any:
        return self._reduction().map_function(self.map_function)

    def _has_phase(self, phase: Phase) -> bool:
        return super()._has_phase(phase) or self._reduction().has_phase(phase)

    def _next_phase(self, phase: Phase, handover: Handover) -> Phase:
        if phase == "reduce" or phase in FILE_PHASES:
            return super()._next_phase(phase, handover)
        reduction, job = self._reduction(), handover.jobs.get(phase)
        if job is None and not reduction.after_nothing:  # nothing is reduced, and the files have no rows
            return FILE_PHASES[0]
        return reduction.next_phase(phase, job)

    def _success_ratio(self, phase: Phase, given: float) -> float:
        given = super()._success_ratio(phase, given)
        return 1.0 if phase != "map" and self._reduction().needs_all else given

    def _after_nothing(self) -> bool:
        return super()._after_nothing() or self._reduction().after_nothing

    def _files(self) -> ResultFiles | None:
        files = super()._files()
        return files and dataclasses.replace(files, pairs=arguments.flag("reduce_by_key", self.reduce_by_key))

    def _by_object(self) -> bool:
        return bool(arguments.resolve(self, "obj_reduce_by_key"))

    def _batch_size(self, phase: Phase) -> Any:
        batched = phase == "map" or self._reduction().batched
        return super()._batch_size(phase) if batched else "auto"

    def _memory(self, phase: Phase) -> Any:
        chosen = self.map_runtime_memory if phase == "map" else self.reduce_runtime_memory
        return self.runtime_memory if chosen is None else chosen

    def _result(self, results: list[Any]) -> Any:
        return self._reduction().result(results)
