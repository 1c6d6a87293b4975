"""
The operator of a map: what its items are, and how they are bound. `task/run.py` runs it by the methods that
`task/parameters.py` documents.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators.files import FILE_PHASES, ResultFiles
from lithops_provider.task import arguments, upstream
from lithops_provider.task.generators import freeze_generator
from lithops_provider.task.operator import LithopsBaseOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding.function import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.submit.spec import Options
    from lithops_provider.task.handover import Handover
    from lithops_provider.task.phases import Phase


class LithopsMapOperator(LithopsBaseOperator):
    """
    Calls a function for each item. Returns the list of the results, in the order of the items.

    :param map_function: the function: plain, partial, lambda, bound method or callable object, in a module or in the
        DAG file. With a parameter ``obj`` its items are objects in storage
    :param map_iterdata: the items: any iterable, or a path in storage. A tuple gives positional arguments, a dict
        keyword arguments, anything else the first argument. The value of a job, or a list of such: its results,
        which the functions read from storage
    :param iterdata_from_task: instead of ``map_iterdata``: a task_id whose return value gives the items, or
        ``{argument: task_id}`` to make each item that keyword argument (alias: ``iterdata_form_task``)
    :param extra_args: more arguments for every call: a dict of keywords, or a list or tuple of positional ones
        (alias: ``extra_params``)
    :param obj_chunk_size: bytes per chunk of an object (alias: ``chunk_size``)
    :param obj_chunk_number: number of chunks of an object (alias: ``chunk_n``)
    :param obj_newline: chunks end at this text; None for chunks of exactly the size
    :param remote_invoker: send the calls from inside a remote function (alias: ``remote_invocation``)
    :param invoke_pool_threads: threads used to send; None for Lithops's own number for the backend
    :param results_to: write the results into files under this prefix of the connection's storage, such as
        ``bucket/prefix/`` or ``s3://bucket/prefix/{{ ds }}/``, and return where their manifest is
    :param results_format: ``jsonl``, ``csv``, ``parquet`` or ``bytes``, an object for each item
    :param results_overwrite: replace everything under the prefix, also what no earlier run has written
    :param cache: items whose function and arguments had a result in an earlier run of any task take that result
    :param cache_version: results that were cached under another version aren't taken
    :param cache_expiration: how old a cached result may be, as a timedelta; None for any age
    :param kwargs: see `LithopsBaseOperator`
    """

    phases: tuple[Phase, ...] = ("map",)
    _iterdata_given = False
    _told_files: Mapping[str, Any] | None = None
    template_fields: Sequence[str] = (
        "map_iterdata",
        "iterdata_from_task",
        "iterdata_form_task",
        "extra_args",
        "extra_params",
        "obj_chunk_size",
        "chunk_size",
        "obj_chunk_number",
        "chunk_n",
        "results_to",
        "results_format",
        "results_overwrite",
        "cache",
        "cache_version",
        *LithopsBaseOperator.template_fields,
    )
    template_fields_renderers = {  # noqa: RUF012
        **LithopsBaseOperator.template_fields_renderers,
        "map_iterdata": "py",
        "extra_args": "py",
        "extra_params": "py",
    }

    def __init__(
        self,
        *,
        map_function: Callable[..., Any],
        map_iterdata: Iterable[Any] | str | None = None,
        iterdata_from_task: str | Mapping[str, str] | None = None,
        iterdata_form_task: str | Mapping[str, str] | None = None,
        extra_args: Mapping[str, Any] | Sequence[Any] | None = None,
        extra_params: Mapping[str, Any] | Sequence[Any] | None = None,
        obj_chunk_size: int | None = None,
        chunk_size: int | None = None,
        obj_chunk_number: int | None = None,
        chunk_n: int | None = None,
        obj_newline: str | None = "\n",
        remote_invoker: bool | None = None,
        remote_invocation: bool | None = None,
        invoke_pool_threads: int | None = None,
        results_to: str | None = None,
        results_format: str = "jsonl",
        results_overwrite: bool = False,
        cache: bool = False,
        cache_version: str = "",
        cache_expiration: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.map_function = map_function
        self.map_iterdata = map_iterdata
        self.iterdata_from_task = iterdata_from_task
        self.iterdata_form_task = iterdata_form_task
        self.extra_args = extra_args
        self.extra_params = extra_params
        self.obj_chunk_size = obj_chunk_size
        self.chunk_size = chunk_size
        self.obj_chunk_number = obj_chunk_number
        self.chunk_n = chunk_n
        self.obj_newline = obj_newline
        self.remote_invoker = remote_invoker
        self.remote_invocation = remote_invocation
        self.invoke_pool_threads = invoke_pool_threads
        self.results_to = results_to
        self.results_format = results_format
        self.results_overwrite = results_overwrite
        self.cache = cache
        self.cache_version = cache_version
        self.cache_expiration = cache_expiration
        if results_to is not None:
            self.phases = (*type(self).phases, *FILE_PHASES)

    @property
    def map_iterdata(self) -> Any:
        """The parameter ``map_iterdata``."""
        return self._map_iterdata

    @map_iterdata.setter
    def map_iterdata(self, value: Any) -> None:
        self._map_iterdata = freeze_generator(value)
        if value is not None:
            self._iterdata_given = True  # noted, since rendering may turn the value into None

    def _bind(
        self, context: Context, client: LithopsClient, phase: Phase, handover: Handover
    ) -> tuple[Binding, Iterable[tuple[Any, ...]]]:
        from lithops_provider.jobs.binding.function import bind_items
        from lithops_provider.jobs.inputs.objects import bind_objects
        from lithops_provider.jobs.inputs.references import bind_references, check_not_expanded, is_reference

        files = self._files()
        if files is not None and phase in FILE_PHASES:
            return self._bind_function(phase), files.items(client, phase, handover)
        if files is not None:
            files.check(client, self.settings())
        number = arguments.number
        extra_args = arguments.resolve(self, "extra_args")
        size = number("obj_chunk_size", arguments.resolve(self, "obj_chunk_size"), whole=True, least=1)
        chunks = number("obj_chunk_number", arguments.resolve(self, "obj_chunk_number"), whole=True, least=1)
        takes_object = self._bind_function("map").takes_object
        iterdata, argument = self._iterdata(context, paths=takes_object)
        check_not_expanded(iterdata)
        if is_reference(iterdata):
            settings = self.settings()
            return bind_references(
                client,
                self._mapped(),
                iterdata,
                extra_args,
                argument=argument,
                failures=settings.upstream_failures,
                timeout=settings.job_timeout,
            )
        if not takes_object:
            if size or chunks:
                raise InvalidInputError(
                    f"{'obj_chunk_size' if size else 'obj_chunk_number'} splits objects in storage, but map_function "
                    "has no parameter 'obj' to take them"
                )
            return bind_items(self._mapped(), iterdata, extra_args, argument=argument, max_items=arguments.max_items())
        binding, items, handover.chunks = bind_objects(
            client,
            self._mapped(),
            iterdata,
            extra_args,
            argument=argument,
            chunk_size=size,
            chunk_number=chunks,
            newline=self.obj_newline,
            max_items=arguments.max_items(),
            versions=arguments.flag("cache", self.cache),
        )
        return binding, items

    def options(self, phase: Phase) -> Options:
        """
        Returns how the functions of a phase are to run, and whether the map's items may take cached results.

        :param phase: one of the operator's
        :raises InvalidInputError: a parameter is wrong
        """
        options, age = super().options(phase), self.cache_expiration
        if phase != "map" or not arguments.flag("cache", self.cache):
            return options
        if age is not None and not isinstance(age, timedelta):
            raise InvalidInputError(
                f"cache_expiration must be a timedelta, such as timedelta(days=7), got {age!r:.100}"
            )
        options = dataclasses.replace(
            options,
            cache=True,
            cache_version=str(self.cache_version),
            cache_expiration=None if age is None else age.total_seconds(),
        )
        options.check()
        return options

    def _bind_function(self, phase: Phase) -> Binding:
        from lithops_provider.jobs.binding.function import bind_function

        if phase in FILE_PHASES:
            from lithops_provider.jobs.outputs.files import bind_files

            return bind_files()
        return bind_function(self._mapped(), arguments.resolve(self, "extra_args"), parameter="map_function")

    def _mapped(self) -> Any:
        """Returns the function to be called for each item."""
        return self.map_function

    def _files(self) -> ResultFiles | None:
        """
        Returns the files that the results are to be written into; None without ``results_to``.

        :raises InvalidInputError: a parameter is wrong
        """
        from lithops_provider.jobs.outputs.target import FORMATS

        if FILE_PHASES[0] not in self.phases:
            return None
        return ResultFiles(
            self.results_to or "",
            arguments.choice("results_format", self.results_format, FORMATS),
            arguments.flag("results_overwrite", self.results_overwrite),
            last=type(self).phases[-1],
        )

    def _success_ratio(self, phase: Phase, given: float) -> float:
        return 1.0 if phase in FILE_PHASES else given

    def _batch_size(self, phase: Phase) -> Any:
        return "auto" if phase in FILE_PHASES else self.batch_size

    def _after_nothing(self) -> bool:
        return FILE_PHASES[0] in self.phases

    def _finish(
        self, context: Context, client: LithopsClient, handover: Handover, results: list[Any], *, nothing: bool
    ) -> Any:
        files = self._files()
        if files is None:
            return super()._finish(context, client, handover, results, nothing=nothing)
        self._told_files = files.complete(context, client, handover, results)
        return self._told_files

    def _iterdata(self, context: Context, *, paths: bool) -> tuple[Any, str | None]:
        from_task = arguments.resolve(self, "iterdata_from_task")
        if from_task is None:
            return self._given_items(context, paths=paths), None
        if self.map_iterdata is not None:
            raise InvalidInputError("give either map_iterdata or iterdata_from_task: both were given")
        return upstream.pull_items(self, context, from_task, paths=paths)

    def _given_items(self, context: Context, *, paths: bool) -> Any:
        """
        Returns the items that ``map_iterdata`` gives.

        :raises InvalidInputError: it wasn't given, or its value can't be items
        """
        from lithops_provider.jobs.text import looks_like_path

        items = self.map_iterdata
        if items is None:
            if not self._iterdata_given:
                raise InvalidInputError("give either map_iterdata or iterdata_from_task: neither was given")
            raise InvalidInputError(
                "map_iterdata is None: the task whose output it is was skipped, returned None, or pushes no XCom; have "
                "it return a list"
            )
        if isinstance(items, str) and not paths:
            meant = (
                "If it is a path in storage, name the parameter of map_function that takes the object 'obj'."
                if looks_like_path(items)
                else "If it came out of a template, set render_template_as_native_obj=True on the DAG, or pass the "
                "task's output itself."
            )
            self.log.warning("map_iterdata is the str %.100r, which is one item. %s", items, meant)
        is_mapped = context["ti"].map_index not in (None, -1)
        if is_mapped and not hasattr(items, "__iter__") and not hasattr(items, "__getitem__"):
            raise InvalidInputError(
                f"map_iterdata must be an iterable, got {type(items).__name__}: {items!r:.100}. expand() gave this "
                "task one of the values; to have all of them as items of one task, don't expand: give them as "
                "map_iterdata, or call the decorated function with them"
            )
        return upstream.without_skipped(items)

    def _lineage_inputs(self) -> tuple[list[str], list[Mapping[str, Any]]]:
        from lithops_provider.jobs.inputs.objects import object_paths
        from lithops_provider.jobs.inputs.references import is_reference
        from lithops_provider.jobs.job import LithopsJob

        iterdata = self.map_iterdata
        if is_reference(iterdata):
            return [], [iterdata] if LithopsJob.is_value(iterdata) else list(iterdata)
        # Only types that can be iterated over more than once.
        if isinstance(iterdata, (str, list, tuple)) and self._bind_function("map").takes_object:
            return object_paths(self._mapped(), iterdata), []
        return [], []

    def _lineage_files(self) -> Mapping[str, Any] | None:
        return self._told_files

    def _backend_arguments(self) -> dict[str, Any]:
        return {
            "remote_invoker": arguments.resolve(self, "remote_invoker"),
            "invoke_pool_threads": arguments.number(
                "invoke_pool_threads", self.invoke_pool_threads, whole=True, least=1
            ),
        }
