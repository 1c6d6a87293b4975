"""
The operator of a single call: what it binds, and what it returns. `task/run.py` runs it by the methods that
`task/parameters.py` documents.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider.task import upstream
from lithops_provider.task.operator import LithopsBaseOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding.function import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.task.handover import Handover
    from lithops_provider.task.phases import Phase


class LithopsCallAsyncOperator(LithopsBaseOperator):
    """
    Calls one function. Returns its result.

    :param func: the function: plain, partial, lambda, bound method or callable object, in a module or in the DAG file
    :param data: keyword arguments as a dict, or positional ones as a list or tuple; anything else, also None, is the
        only argument
    :param data_from_task: ``{argument: task_id}``: that task's return value becomes the argument, beside ``data``
    :param kwargs: see `LithopsBaseOperator`
    """

    phases: tuple[Phase, ...] = ("call",)
    template_fields: Sequence[str] = ("data", "data_from_task", *LithopsBaseOperator.template_fields)
    template_fields_renderers = {**LithopsBaseOperator.template_fields_renderers, "data": "py"}  # noqa: RUF012

    def __init__(
        self,
        *,
        func: Callable[..., Any],
        data: Any = (),
        data_from_task: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.func = func
        self.data = data
        self.data_from_task = data_from_task

    def _bind(
        self, context: Context, client: LithopsClient, phase: Phase, handover: Handover
    ) -> tuple[Binding, Iterable[tuple[Any, ...]]]:
        from lithops_provider.jobs.binding.function import bind_call
        from lithops_provider.jobs.inputs.objects import bind_object
        from lithops_provider.jobs.inputs.references import is_reference

        data = upstream.pull_data(self, context, self.data, self.data_from_task)
        if is_reference(data):
            data = (data,)  # a job's value is a dict, but no keyword arguments
        bind = functools.partial(bind_object, client) if self._bind_function(phase).takes_object else bind_call
        return self._with_references(client, *bind(self.func, data))

    def _lineage_inputs(self) -> tuple[list[str], list[Mapping[str, Any]]]:
        from lithops_provider.jobs.inputs.objects import object_paths

        if not self.data or not self._bind_function("call").takes_object:
            return [], []
        return object_paths(self.func, [tuple(self.data) if isinstance(self.data, list) else self.data]), []

    def _with_references(
        self, client: LithopsClient, binding: Binding, items: Iterable[tuple[Any, ...]]
    ) -> tuple[Binding, Iterable[tuple[Any, ...]]]:
        """Replaces values of jobs among the arguments by references, by which the function reads the jobs' results."""
        from lithops_provider.jobs.inputs.references import fill_references

        settings = self.settings()
        failures, timeout = settings.upstream_failures, settings.job_timeout
        return binding, [fill_references(client, item, failures=failures, timeout=timeout) for item in items]

    def _bind_function(self, phase: Phase) -> Binding:
        from lithops_provider.jobs.binding.function import bind_function

        return bind_function(self.func, parameter="func")

    def _result(self, results: list[Any]) -> Any:
        return results[0]
