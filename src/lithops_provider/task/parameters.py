"""
The parameters that all operators share, and the methods by which each operator says what its task does.
`lithops_provider.task.run` uses an operator only through these; `lithops_provider.task.operator` adds the methods that
Airflow calls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseOperator

from lithops_provider.connection.settings import DEFAULT_CONN_ID, ConnectionSettings
from lithops_provider.links import LithopsJobLink
from lithops_provider.task import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.binding.function import Binding
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.submit.spec import Options
    from lithops_provider.task.handover import Handover
    from lithops_provider.task.phases import Phase

#: Types of values in which no result of another task can be.
_PLAIN = frozenset((type(None), bool, int, float, str))


class JobSettings(NamedTuple):
    """
    How a task's jobs are to be waited for, and what they have to come to. Each field is the parameter of that name of
    `LithopsParameters`, read and checked.
    """

    async_invoke: bool
    get_result: bool
    clean_data: bool
    upstream_failures: str
    min_success_ratio: float
    item_retries: int
    max_runtime_memory: int | None
    poll_interval: float | None
    job_timeout: float | None
    requirements: list[str] | None


class LithopsParameters(BaseOperator):
    """
    The parameters of every operator. Those in ``template_fields`` may be templates.

    :param lithops_conn_id: connection whose extra is the Lithops configuration. Without a connection
        ``lithops_default``, Lithops's own configuration file is used; without that, localhost
    :param lithops_config: Lithops configuration over the connection's, merged section by section (alias: ``config``)
    :param backend: compute backend, over ``lithops_config``
    :param storage: storage backend, over ``lithops_config``
    :param mode: ``localhost``, ``serverless`` or ``standalone`` (alias: ``type``)
    :param monitoring: how the functions report: Lithops's name of a monitoring backend
    :param rabbitmq_monitor: True is the same as ``monitoring="rabbitmq"``
    :param runtime: name of the runtime
    :param requirements: packages that the functions need, as `pip` takes them; on localhost and AWS Lambda
    :param workers: how many functions run at once, at most
    :param runtime_memory: MB; None for the configured, which is 256 on most serverless backends
    :param timeout: seconds that an item has; None for the configured ``execution_timeout``
    :param extra_env: environment variables for the functions
    :param include_modules: modules to ship with the function; by default what it needs, None ships none
    :param exclude_modules: modules not to ship with the function
    :param check_runtime: before anything is sent, look if the runtime has what the function imports
    :param async_invoke: don't wait: return the job's value as soon as everything is sent
    :param get_result: if False, wait, but leave the results in storage and return the job's value
    :param clean_data: delete the job's data from storage once its results are in XCom
    :param batch_size: items per call; ``"auto"`` makes as many calls as the backend takes at once
    :param max_concurrency: how many calls there are at most, whatever ``batch_size`` says; a call runs its items one
        after another
    :param min_success_ratio: share of items that have to succeed for the task to succeed; failed ones are None in the
        result, and are listed in the XCom ``lithops_failures``
    :param upstream_failures: what becomes of items that failed in a job whose results are read by reference: ``"omit"``
        leaves them out, ``"propagate"`` has them fail here, too
    :param item_retries: how often an item that failed is sent again within a try of the task, alone or with others
        that failed, after a growing delay
    :param max_runtime_memory: MB up to which the memory is doubled for items that ran out of it; serverless only
    :param poll_interval: seconds between looks at the job while it changes, at most twice that while it doesn't.
        None for Lithops's ``monitoring_interval``
    :param job_timeout: seconds that the whole job has in a try of the task; after that it is cancelled and the task
        fails
    :param deferrable: wait in the triggerer, without a worker slot
    :param durable: remember the job, so that a retry keeps what succeeded, awaits what runs, and sends only the rest.
        Needs the task state store of Airflow 3.3
    """

    template_fields: Sequence[str] = (
        *arguments.CONNECTION_PARAMETERS,
        "runtime",
        "requirements",
        "workers",
        "runtime_memory",
        "timeout",
        "extra_env",
        "check_runtime",
        "async_invoke",
        "get_result",
        "clean_data",
        "batch_size",
        "max_concurrency",
        "min_success_ratio",
        "upstream_failures",
        "item_retries",
        "max_runtime_memory",
        "job_timeout",
    )
    template_fields_renderers = {"lithops_config": "json", "config": "json", "extra_env": "json"}  # noqa: RUF012
    ui_color = "#e8f4ea"
    operator_extra_links = (LithopsJobLink(),)

    #: The phases of the operator in their order. Between the first and the last, there may be more, see `_next_phase`.
    phases: tuple[Phase, ...] = ()

    # The parameters as they were given, or as their templates were rendered
    lithops_conn_id: str
    lithops_config: Mapping[str, Any] | None
    config: Mapping[str, Any] | None
    backend: str | None
    storage: str | None
    mode: str | None
    type: str | None
    monitoring: str | None
    rabbitmq_monitor: bool | None
    runtime: str | None
    requirements: Sequence[str] | None
    workers: int | None
    runtime_memory: int | None
    timeout: float | None
    extra_env: Mapping[str, Any] | None
    include_modules: Sequence[str] | None
    exclude_modules: Sequence[str] | None
    check_runtime: bool
    async_invoke: bool
    get_result: bool
    clean_data: bool
    batch_size: int | str
    max_concurrency: int | None
    min_success_ratio: float
    upstream_failures: str
    item_retries: int
    max_runtime_memory: int | None
    poll_interval: float | None
    job_timeout: float | None
    deferrable: bool
    durable: bool

    def __init__(
        self,
        *,
        lithops_conn_id: str = DEFAULT_CONN_ID,
        lithops_config: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        backend: str | None = None,
        storage: str | None = None,
        mode: str | None = None,
        type: str | None = None,
        monitoring: str | None = None,
        rabbitmq_monitor: bool | None = None,
        runtime: str | None = None,
        requirements: Sequence[str] | None = None,
        workers: int | None = None,
        runtime_memory: int | None = None,
        timeout: float | None = None,
        extra_env: Mapping[str, Any] | None = None,
        include_modules: Sequence[str] | None = (),
        exclude_modules: Sequence[str] | None = (),
        check_runtime: bool = True,
        async_invoke: bool = False,
        get_result: bool = True,
        clean_data: bool = False,
        batch_size: int | str = "auto",
        max_concurrency: int | None = None,
        min_success_ratio: float = 1.0,
        upstream_failures: str = "omit",
        item_retries: int = 0,
        max_runtime_memory: int | None = None,
        poll_interval: float | None = None,
        job_timeout: float | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Past the `__setattr__` of Airflow, which does no more while an operator is made, and would take a quarter of
        # the time in which a DAG file with many operators is parsed.
        vars(self).update(
            lithops_conn_id=lithops_conn_id,
            lithops_config=lithops_config,
            config=config,
            backend=backend,
            storage=storage,
            mode=mode,
            type=type,
            monitoring=monitoring,
            rabbitmq_monitor=rabbitmq_monitor,
            runtime=runtime,
            requirements=requirements,
            workers=workers,
            runtime_memory=runtime_memory,
            timeout=timeout,
            extra_env=extra_env,
            include_modules=include_modules,
            exclude_modules=exclude_modules,
            check_runtime=check_runtime,
            async_invoke=async_invoke,
            get_result=get_result,
            clean_data=clean_data,
            batch_size=batch_size,
            max_concurrency=max_concurrency,
            min_success_ratio=min_success_ratio,
            upstream_failures=upstream_failures,
            item_retries=item_retries,
            max_runtime_memory=max_runtime_memory,
            poll_interval=poll_interval,
            job_timeout=job_timeout,
            deferrable=deferrable,
            durable=durable,
        )

    def _set_xcomargs_dependencies(self) -> None:
        """
        Makes the tasks upstream whose results are given as parameters. Airflow calls it once the operator is made. Its
        own method searches every parameter, which takes a quarter of the time in which a DAG file is parsed; most
        have a plain value, in which there is nothing to find.
        """
        from airflow.sdk.definitions.xcom_arg import XComArg

        for field in self.template_fields:
            value = getattr(self, field, None)
            if type(value) not in _PLAIN:
                XComArg.apply_upstream_relationship(self, value)

    # The methods by which each operator says what its task does

    def _bind(
        self, context: Context, client: LithopsClient, phase: Phase, handover: Handover
    ) -> tuple[Binding, Iterable[tuple[Any, ...]]]:
        """
        Returns the function of a phase and its items.

        :param context: Airflow's context of the task
        :param client: where the function is to run
        :param phase: one of the operator's phases
        :param handover: what earlier phases hand over; the method adds chunks to it that a later phase needs
        :raises InvalidInputError: the function doesn't take the items
        """
        raise NotImplementedError

    def _bind_function(self, phase: Phase) -> Binding:
        """Returns the bound function of a phase, without items: after a deferral, they are read from storage."""
        raise NotImplementedError

    def _has_phase(self, phase: Phase) -> bool:
        """Tells whether a phase is one of the operator's."""
        return phase in self.phases

    def _next_phase(self, phase: Phase, handover: Handover) -> Phase:
        """
        Returns the phase that follows on one that isn't the last.

        :param phase: the phase that is over
        :param handover: what it and earlier phases hand over
        """
        return self.phases[self.phases.index(phase) + 1]

    def _success_ratio(self, phase: Phase, given: float) -> float:
        """Returns the share of a phase's items that have to succeed; ``given`` is the ``min_success_ratio``."""
        return given

    def _result(self, results: list[Any]) -> Any:
        """Returns what the task returns, made of the results of the last phase."""
        return results

    def _finish(
        self, context: Context, client: LithopsClient, handover: Handover, results: list[Any], *, nothing: bool
    ) -> Any:
        """
        Does what is left to do once the last phase is over, and returns what the task returns.

        :param context: Airflow's context of the task
        :param client: where the jobs ran
        :param handover: what the earlier phases hand over
        :param results: the results of the last phase
        :param nothing: whether the last phase had no items
        """
        return results if nothing else self._result(results)

    def _after_nothing(self) -> bool:
        """Tells whether the next phase runs even if this one has no items. If not, the result is an empty list."""
        return False

    def _batch_size(self, phase: Phase) -> Any:
        """Returns how many items each call of a phase has; not checked yet."""
        return self.batch_size

    def _memory(self, phase: Phase) -> Any:
        """Returns the MB of memory of a phase's calls; None for the configured; not checked yet."""
        return self.runtime_memory

    def _backend_arguments(self) -> dict[str, Any]:
        """Returns settings of the compute backend that only some operators have."""
        return {}

    def _function(self) -> Any:
        """Returns the user's function of the first phase."""
        return self._bind_function(self.phases[0]).plain_function

    def _lineage_inputs(self) -> tuple[list[str], list[Mapping[str, Any]]]:
        """Returns the paths of objects that items name, and the values of jobs whose results are read."""
        raise NotImplementedError

    def _lineage_files(self) -> Mapping[str, Any] | None:
        """Returns what the task returns of the files that it has written its results into; None if it hasn't yet."""
        return None

    # Arguments

    def connection(self) -> ConnectionSettings:
        """
        Returns the task's connection, and what it sets over it.

        :raises InvalidInputError: a parameter is wrong
        """
        config = arguments.resolve(self, "lithops_config")
        return ConnectionSettings(self.lithops_conn_id, config, self.hook_arguments())

    def hook_arguments(self) -> dict[str, Any]:
        """Returns the settings that the task has over the Lithops configuration, by Lithops's names."""
        given = {
            **arguments.backends(self),
            "runtime": self.runtime,
            "workers": arguments.number("workers", self.workers, whole=True, least=1),
            **self._backend_arguments(),
        }
        return {name: value for name, value in given.items() if value is not None}

    def options(self, phase: Phase) -> Options:
        """
        Returns how the functions of a phase are to run.

        :raises InvalidInputError: a parameter is wrong
        """
        from lithops_provider.jobs.submit.spec import Options

        batch_size = self._batch_size(phase)
        if isinstance(batch_size, str):
            with contextlib.suppress(ValueError):  # "auto", or nothing that it may be
                batch_size = int(batch_size)
        options = Options(
            batch_size=batch_size,
            max_concurrency=arguments.number("max_concurrency", self.max_concurrency, whole=True, least=1),
            timeout=arguments.number("timeout", self.timeout, above=0),
            runtime_memory=arguments.number("runtime_memory", self._memory(phase), whole=True, above=0),
            extra_env=arguments.environment(self.extra_env),
            include_modules=arguments.module_names("include_modules", self.include_modules),
            exclude_modules=arguments.module_names("exclude_modules", self.exclude_modules) or [],
            check_runtime=arguments.flag("check_runtime", self.check_runtime),
        )
        options.check()
        return options

    def settings(self) -> JobSettings:
        """
        Returns how the job is to be waited for, and what it has to come to.

        :raises InvalidInputError: a parameter is wrong
        """
        from lithops_provider.jobs.inputs.references import UPSTREAM_FAILURES

        number = arguments.number
        ratio = number("min_success_ratio", self.min_success_ratio, least=0, most=1)
        return JobSettings(
            async_invoke=arguments.flag("async_invoke", self.async_invoke),
            get_result=arguments.flag("get_result", self.get_result),
            clean_data=arguments.flag("clean_data", self.clean_data),
            upstream_failures=arguments.choice("upstream_failures", self.upstream_failures, UPSTREAM_FAILURES),
            min_success_ratio=1.0 if ratio is None else ratio,
            item_retries=number("item_retries", self.item_retries, whole=True, least=0) or 0,
            max_runtime_memory=number("max_runtime_memory", self.max_runtime_memory, whole=True, above=0),
            poll_interval=number("poll_interval", self.poll_interval, above=0),
            job_timeout=number("job_timeout", self.job_timeout, above=0),
            requirements=arguments.requirements(self.requirements),
        )
