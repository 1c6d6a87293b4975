"""Operators that run plain Python functions as serverless calls: one, a map, a map-reduce."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider import arguments, upstream
from lithops_provider.base import LithopsBaseOperator
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.xcom import check_pushable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.run import JobRun

__all__ = ["LithopsCallAsyncOperator", "LithopsMapOperator", "LithopsMapReduceOperator"]


class LithopsCallAsyncOperator(LithopsBaseOperator):
    """
    Calls one function. Returns its result.

    :param func: the function: plain, partial, lambda, bound method or callable object, in a module or in the DAG file
    :param data: keyword arguments as a dict, positional ones as a list or tuple
    :param data_from_task: ``{argument: task_id}``: that task's return value becomes the argument, beside ``data``
    :param kwargs: see `LithopsBaseOperator`
    """

    template_fields: Sequence[str] = ("data", "data_from_task", *LithopsBaseOperator.template_fields)
    template_fields_renderers = {**LithopsBaseOperator.template_fields_renderers, "data": "py"}  # noqa: RUF012

    def __init__(
        self,
        *,
        func: Callable[..., Any],
        data: Any = None,
        data_from_task: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.func = func
        self.data = data
        self.data_from_task = data_from_task

    def _run(self, context: Context) -> Any:
        from lithops_provider.jobs.binding import bind_call, bind_function
        from lithops_provider.jobs.objects import bind_object
        from lithops_provider.jobs.spec import make_spec

        options = self._options()
        data = upstream.pull_data(self, context, self.data, self.data_from_task)
        client = self._client()
        items: Sequence[tuple[Any, ...]]
        if bind_function(self.func, parameter="func").takes_object:
            binding, items = bind_object(client, self.func, data)
        else:
            binding, items = bind_call(self.func, data)
        run = self._start(client, make_spec("call", binding, items, options))
        if self.async_invoke:
            return run.job.to_dict()
        results = self._finish(run, read_results=self.get_result)
        if not self.get_result:
            return run.job.to_dict()
        check_pushable(results[0], many=False)
        self._clean_on_success(run)
        return results[0]


class LithopsMapOperator(LithopsBaseOperator):
    """
    Calls a function for each item. Returns the list of the results, in the order of the items.

    :param map_function: the function: plain, partial, lambda, bound method or callable object, in a module or in the
        DAG file. With a parameter ``obj`` its items are objects in storage
    :param map_iterdata: the items: any iterable, or a path in storage. A tuple gives positional arguments, a dict
        keyword arguments, anything else the first argument
    :param iterdata_from_task: instead of ``map_iterdata``: a task_id whose return value gives the items, or
        ``{argument: task_id}`` to make each item that keyword argument (alias: ``iterdata_form_task``)
    :param extra_args: more arguments for every call: a dict of keywords, or a list or tuple of positional ones
        (alias: ``extra_params``)
    :param obj_chunk_size: bytes per chunk of an object (alias: ``chunk_size``)
    :param obj_chunk_number: number of chunks of an object (alias: ``chunk_n``)
    :param obj_newline: chunks end at this text; None for chunks of exactly the size
    :param remote_invoker: send the calls from inside a remote function (alias: ``remote_invocation``)
    :param invoke_pool_threads: threads used to send; None for Lithops's own number for the backend
    :param kwargs: see `LithopsBaseOperator`
    """

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

    def _run(self, context: Context) -> Any:
        run, _ = self._start_map(context)
        if run is None:
            return []
        if self.async_invoke:
            return run.job.to_dict()
        results = self._finish(run, read_results=self.get_result)
        if not self.get_result:
            return run.job.to_dict()
        check_pushable(results, many=True)
        self._clean_on_success(run)
        return results

    def _start_map(self, context: Context, runtime_memory: Any = None) -> tuple[JobRun | None, list[int]]:
        """
        Sends the items.

        :param context: Airflow's
        :param runtime_memory: over the operator's own
        :returns: the job, or None if there are no items; and the number of chunks of each object
        """
        from lithops_provider.jobs.spec import make_spec

        options = self._options(runtime_memory)
        client = self._client()
        binding, items, chunks = self._bind(context, client)
        if not items:
            self.log.info("There are no items, so nothing is sent.")
            return None, []
        return self._start(client, make_spec("map", binding, items, options)), chunks

    def _bind(self, context: Context, client: LithopsClient) -> tuple[Binding, Sequence[Any], list[int]]:
        from lithops_provider.jobs.binding import bind_function, bind_items
        from lithops_provider.jobs.objects import bind_objects

        extra_args = arguments.resolve(self, "extra_args")
        chunk_size = arguments.number("obj_chunk_size", arguments.resolve(self, "obj_chunk_size"), whole=True, least=1)
        chunk_number = arguments.number(
            "obj_chunk_number", arguments.resolve(self, "obj_chunk_number"), whole=True, least=1
        )
        takes_object = bind_function(self.map_function, extra_args, parameter="map_function").takes_object
        iterdata, argument = self._iterdata(context, paths=takes_object)
        if not takes_object:
            if chunk_size or chunk_number:
                name = "obj_chunk_size" if chunk_size else "obj_chunk_number"
                raise InvalidInputError(
                    f"{name} splits objects in storage, but map_function has no parameter 'obj' to take them"
                )
            return (*bind_items(self.map_function, iterdata, extra_args, argument=argument), [])
        return bind_objects(
            client,
            self.map_function,
            iterdata,
            extra_args,
            argument=argument,
            chunk_size=chunk_size,
            chunk_number=chunk_number,
            newline=self.obj_newline,
        )

    def _iterdata(self, context: Context, *, paths: bool) -> tuple[Any, str | None]:
        from_task = arguments.resolve(self, "iterdata_from_task")
        if (self.map_iterdata is None) == (from_task is None):
            given = "neither" if from_task is None else "both"
            raise InvalidInputError(f"give map_iterdata or iterdata_from_task: {given} was given")
        if from_task is not None:
            return upstream.pull_items(self, context, from_task, paths=paths)
        if isinstance(self.map_iterdata, str) and not paths:
            self.log.warning(
                "map_iterdata is a str, which is one item. If it came out of a template, set "
                "render_template_as_native_obj=True on the DAG, or pass the task's output itself."
            )
        return self.map_iterdata, None

    def _backend_arguments(self) -> dict[str, Any]:
        return {
            "remote_invoker": arguments.resolve(self, "remote_invoker"),
            "invoke_pool_threads": arguments.number(
                "invoke_pool_threads", self.invoke_pool_threads, whole=True, least=1
            ),
        }


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

    def _run(self, context: Context) -> Any:
        from lithops_provider.jobs.reduce import bind_reduce, reduce_items
        from lithops_provider.jobs.spec import make_spec

        reduce_function = arguments.resolve(self, "reduce_function")
        if reduce_function is None:
            raise InvalidInputError("reduce_function is required")
        binding = bind_reduce(reduce_function, self.extra_args_reduce)
        reduce_options = self._options(self.reduce_runtime_memory)
        by_object = bool(arguments.resolve(self, "obj_reduce_by_key"))
        mapped, chunks = self._start_map(context, self.map_runtime_memory)
        if mapped is None:
            return []
        if by_object and not chunks:
            mapped.cancel()
            raise InvalidInputError("obj_reduce_by_key needs objects as items: map_function has no parameter 'obj'")
        self._finish(mapped, read_results=False)
        items = reduce_items(mapped.job, chunks if by_object else None)
        run = self._start(mapped.client, make_spec("reduce", binding, items, reduce_options))
        if self.async_invoke:
            return run.job.to_dict()
        results = self._finish(run, read_results=self.get_result)
        if not self.get_result:
            return run.job.to_dict()
        result = results if by_object else results[0]
        check_pushable(result, many=by_object)
        self._clean_on_success(mapped)
        self._clean_on_success(run)
        return result
