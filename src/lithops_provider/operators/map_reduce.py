"""The operator of a map-reduce: the phases that follow the map, what each binds, and what the last returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators.map import LithopsMapOperator
from lithops_provider.task import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding.function import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import JobKind
    from lithops_provider.task.handover import Handover


class LithopsMapReduceOperator(LithopsMapOperator):
    """
    Calls a function for each item, then another once with the list of all results. Returns what that one returns.

    The reduce is sent when the map is done, and reads the map's results from storage inside its function: they pass
    neither through the Airflow worker nor through the database, and no reducer is paid for while it waits.

    :param reduce_function: its first parameter gets the list of the map's results; items that failed, if
        ``min_success_ratio`` allows that, are left out (alias: ``reduce_funtion``)
    :param extra_args_reduce: more arguments for it: a dict of keywords, or a list or tuple of positional ones
    :param map_runtime_memory: MB for the map; None for ``runtime_memory``
    :param reduce_runtime_memory: MB for the reduce; None for ``runtime_memory``
    :param obj_reduce_by_key: one reducer per object, so the result is a list (alias: ``reducer_one_per_object``)
    :param reducer_wait_local: whether the map is waited for on the Airflow side before the reduce is sent. It always
        is; the parameter of the original is accepted either way
    :param async_invoke: return the value of the reduce's job as soon as that is sent
    :param kwargs: see `LithopsMapOperator`
    """

    phases: tuple[JobKind, ...] = ("map", "reduce")
    template_fields: Sequence[str] = (
        "extra_args_reduce",
        "map_runtime_memory",
        "reduce_runtime_memory",
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
        self.reducer_wait_local = reducer_wait_local

    def _bind(
        self, context: Context, client: LithopsClient, phase: JobKind, handover: Handover
    ) -> tuple[Binding, Sequence[tuple[Any, ...]]]:
        from lithops_provider.jobs.inputs.reduce import reduce_items

        reduce_binding = self._bind_function(
            "reduce"
        )  # before the map: it would be for nothing if this can't be called
        if phase == "reduce":
            if "map" not in handover.jobs:  # it had no items
                return reduce_binding, [(([],), {})]
            chunks = handover.object_chunks(client, "map") if self._by_object() else None
            return reduce_binding, reduce_items(client, handover.jobs["map"], chunks)
        binding, items = super()._bind(context, client, phase, handover)
        if not self._by_object():
            handover.chunks = None  # nobody will ask for them
        elif not binding.takes_object:
            raise InvalidInputError("obj_reduce_by_key needs objects as items: map_function has no parameter 'obj'")
        return binding, items

    def _bind_function(self, phase: JobKind) -> Binding:
        from lithops_provider.jobs.inputs.reduce import bind_reduce

        if phase == "map":
            return super()._bind_function(phase)
        reduce_function = arguments.resolve(self, "reduce_function")
        if reduce_function is None:
            raise InvalidInputError("reduce_function is required")
        return bind_reduce(reduce_function, self.extra_args_reduce)

    def _after_nothing(self) -> bool:
        return not self._by_object()

    def _by_object(self) -> bool:
        return bool(arguments.resolve(self, "obj_reduce_by_key"))

    def _memory(self, phase: JobKind) -> Any:
        chosen = self.map_runtime_memory if phase == "map" else self.reduce_runtime_memory
        return self.runtime_memory if chosen is None else chosen

    def _result(self, results: list[Any]) -> Any:
        return results if self._by_object() else results[0]
