"""What all operators share: their common parameters, and how a job is run inside a task."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from lithops_provider import arguments
from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.run import JobRun
    from lithops_provider.jobs.spec import JobSpec, Options


class LithopsBaseOperator(BaseOperator):
    """
    Base of the operators. Every parameter below may be templated where a value may be computed at run time.

    :param lithops_conn_id: connection whose extra is the Lithops configuration. Without a connection
        ``lithops_default``, Lithops's own configuration file is used; without that, localhost
    :param lithops_config: Lithops configuration over the connection's, merged section by section (alias: ``config``)
    :param backend: compute backend, over ``lithops_config``
    :param storage: storage backend, over ``lithops_config``
    :param mode: ``localhost``, ``serverless`` or ``standalone`` (alias: ``type``)
    :param monitoring: how the functions report: Lithops's name of a monitoring backend
    :param rabbitmq_monitor: True is the same as ``monitoring="rabbitmq"``
    :param runtime: name of the runtime
    :param workers: how many functions run at once, at most
    :param runtime_memory: MB; None for the configured, which is 256 on most serverless backends
    :param timeout: seconds that an item has; None for the configured ``execution_timeout``
    :param extra_env: environment variables for the functions
    :param include_modules: modules to ship with the function; by default what it needs, None ships none
    :param exclude_modules: modules not to ship with the function
    :param async_invoke: don't wait: return the job's value as soon as everything is sent
    :param get_result: if False, wait, but leave the results in storage and return the job's value
    :param clean_data: delete the job's data from storage once its results are in XCom
    :param batch_size: items per call; ``"auto"`` makes as many calls as the backend takes at once
    :param min_success_ratio: share of items that have to succeed for the task to; failed ones are None in the result
    :param poll_interval: seconds between looks at the job while it changes; longer while nothing does. None for
        Lithops's ``monitoring_interval``
    :param job_timeout: seconds that the whole job has; then it is cancelled and the task fails
    """

    template_fields: Sequence[str] = (
        "lithops_conn_id",
        "lithops_config",
        "config",
        "backend",
        "storage",
        "runtime",
        "workers",
        "runtime_memory",
        "timeout",
        "extra_env",
        "batch_size",
        "min_success_ratio",
        "job_timeout",
    )
    template_fields_renderers = {"lithops_config": "json", "config": "json", "extra_env": "json"}  # noqa: RUF012
    ui_color = "#e8f4ea"

    def __init__(
        self,
        *,
        lithops_conn_id: str = "lithops_default",
        lithops_config: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        backend: str | None = None,
        storage: str | None = None,
        mode: str | None = None,
        type: str | None = None,
        monitoring: str | None = None,
        rabbitmq_monitor: bool | None = None,
        runtime: str | None = None,
        workers: int | None = None,
        runtime_memory: int | None = None,
        timeout: float | None = None,
        extra_env: Mapping[str, Any] | None = None,
        include_modules: Sequence[str] | None = (),
        exclude_modules: Sequence[str] | None = (),
        async_invoke: bool = False,
        get_result: bool = True,
        clean_data: bool = False,
        batch_size: int | str = "auto",
        min_success_ratio: float = 1.0,
        poll_interval: float | None = None,
        job_timeout: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lithops_conn_id = lithops_conn_id
        self.lithops_config = lithops_config
        self.config = config
        self.backend = backend
        self.storage = storage
        self.mode = mode
        self.type = type
        self.monitoring = monitoring
        self.rabbitmq_monitor = rabbitmq_monitor
        self.runtime = runtime
        self.workers = workers
        self.runtime_memory = runtime_memory
        self.timeout = timeout
        self.extra_env = extra_env
        self.include_modules = include_modules
        self.exclude_modules = exclude_modules
        self.async_invoke = async_invoke
        self.get_result = get_result
        self.clean_data = clean_data
        self.batch_size = batch_size
        self.min_success_ratio = min_success_ratio
        self.poll_interval = poll_interval
        self.job_timeout = job_timeout

    def execute(self, context: Context) -> Any:
        """
        Runs the job.

        :returns: its result or results, or its value if they are to stay in storage
        :raises AirflowFailException: a parameter is wrong, which no retry mends
        :raises ItemsFailedError: more items failed than ``min_success_ratio`` allows
        """
        from airflow.sdk.exceptions import AirflowFailException

        try:
            return self._run(context)
        except InvalidInputError as error:
            raise AirflowFailException(f"{error.__class__.__name__}: {error}") from error

    def _run(self, context: Context) -> Any:
        raise NotImplementedError

    def on_kill(self) -> None:
        """Cancels the job when the task is killed: marked failed, cleared, or past its execution_timeout."""
        run = getattr(self, "_active", None)
        if run is not None:
            run.cancel()

    def _client(self) -> LithopsClient:
        """Returns the client of the configuration that the connection and the arguments make."""
        from lithops_provider.hooks import LithopsHook
        from lithops_provider.jobs.client import LithopsClient

        monitoring = self.monitoring
        if self.rabbitmq_monitor:
            if monitoring not in (None, "rabbitmq"):
                raise InvalidInputError(f"rabbitmq_monitor and monitoring={monitoring!r} contradict each other")
            monitoring = "rabbitmq"
        hook = LithopsHook(
            self.lithops_conn_id,
            arguments.resolve(self, "lithops_config"),
            backend=self.backend,
            storage=self.storage,
            mode=arguments.resolve(self, "mode"),
            monitoring=monitoring,
            runtime=self.runtime,
            workers=arguments.number("workers", self.workers, whole=True, least=1),
            **self._backend_arguments(),
        )
        return LithopsClient(hook.get_config())

    def _backend_arguments(self) -> dict[str, Any]:
        """Returns settings of the compute backend that only some operators have."""
        return {}

    def _options(self, runtime_memory: Any = None) -> Options:
        """Returns how the functions are to run."""
        from lithops_provider.jobs.spec import Options

        batch_size = self.batch_size
        if isinstance(batch_size, str) and batch_size.isdigit():
            batch_size = int(batch_size)
        memory = self.runtime_memory if runtime_memory is None else runtime_memory
        options = Options(
            batch_size=batch_size,
            timeout=arguments.number("timeout", self.timeout, above=0),
            runtime_memory=arguments.number("runtime_memory", memory, whole=True, above=0),
            extra_env=arguments.environment(self.extra_env),
            include_modules=arguments.module_names("include_modules", self.include_modules),
            exclude_modules=arguments.module_names("exclude_modules", self.exclude_modules) or [],
        )
        options.check()
        arguments.number("min_success_ratio", self.min_success_ratio, least=0, most=1)
        arguments.number("poll_interval", self.poll_interval, above=0)
        arguments.number("job_timeout", self.job_timeout, above=0)
        return options

    def _start(self, client: LithopsClient, spec: JobSpec) -> JobRun:
        """Sends a job's items."""
        from lithops_provider.jobs.run import JobRun
        from lithops_provider.progress import ProgressLog

        run = JobRun(
            client=client,
            spec=spec,
            on_progress=ProgressLog(self.log),
            poll_interval=arguments.number("poll_interval", self.poll_interval),
            job_timeout=arguments.number("job_timeout", self.job_timeout),
        )
        self._active = run
        run.submit()
        return run

    @contextlib.contextmanager
    def _cancelling(self, run: JobRun) -> Iterator[None]:
        """Stops the job if it isn't waited for any more: nobody would take its results."""
        from lithops_provider.jobs.errors import ItemsFailedError

        try:
            yield
        except ItemsFailedError:
            raise
        except BaseException:  # Airflow's timeout is one
            run.cancel()
            raise

    def _finish(self, run: JobRun, *, read_results: bool) -> list[Any]:
        """
        Waits for a job and judges its failures.

        :returns: the results in the order of the items, or an empty list if they weren't to be read
        """
        from lithops_provider.jobs.outcome import failure_message, raise_for_failures
        from lithops_provider.progress import log_output

        with self._cancelling(run):
            run.finish(read_results=read_results)
        log_output(self.log, (outcome for _, outcome in sorted(run.outcomes.items())))
        results = run.results() if read_results else []
        failures = run.failures()
        where = f"job {run.job.executor_id}"
        ratio = arguments.number("min_success_ratio", self.min_success_ratio)
        raise_for_failures(run.spec.name, failures, run.job.items, ratio, where)
        if failures:
            self.log.warning(failure_message(run.spec.name, failures, run.job.items, where))
        return results

    def _clean_on_success(self, run: JobRun) -> None:
        """Has the job's data deleted after its results were pushed: success callbacks run after the push."""
        if not self.clean_data:
            return
        known: Any = self.on_success_callback or []
        callbacks = list(known) if isinstance(known, (list, tuple)) else [known]
        self.on_success_callback = [*callbacks, lambda context: run.clean()]
