"""
One try of a task: for each phase it sends a job, waits for it or defers the task, and decides whether enough items have
succeeded. The methods of an operator that Airflow calls (`task/operator.py`) make a `TaskRun` and call it.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from lithops_provider.jobs.errors import (
    InvalidInputError,
    ItemsFailedError,
    JobCancelledError,
    JobTimeoutError,
    LithopsJobError,
    StorageUnavailableError,
)
from lithops_provider.jobs.follow.states import RoundEnd
from lithops_provider.report import telemetry
from lithops_provider.report.failures import publish_failures
from lithops_provider.report.jobs import PublishedJobs
from lithops_provider.report.summary import sum_up
from lithops_provider.report.xcoms import SUMMARY_KEY
from lithops_provider.task.deferral import WorkerWait, check_wanted, defer_after, defer_at_least
from lithops_provider.task.durable import DurableState
from lithops_provider.task.handover import Deferred, Handover
from lithops_provider.task.owner import owner_of
from lithops_provider.task.phases import Phase, kind_of
from lithops_provider.task.progress import ProgressLog, log_output
from lithops_provider.task.xcom import check_pushable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.run import JobRun
    from lithops_provider.jobs.submit.spec import JobSpec
    from lithops_provider.task.parameters import LithopsParameters

#: Seconds that Airflow's own timeout of a deferral comes after the job's. So the trigger notices the job's first, and
#: the error can name the job.
_TIMEOUT_SLACK = 60.0


class TaskRun:
    """
    One try of a task.

    :param operator: the task
    :param context: Airflow's context of the task
    """

    def __init__(self, operator: LithopsParameters, context: Context) -> None:
        self.operator = operator
        self.context = context
        self.log = operator.log
        self.settings = operator.settings()
        self.connection = operator.connection()
        self.state = DurableState(context, operator.durable, operator.log)
        ti = context["ti"]
        self.owner = owner_of(ti)
        self.active: JobRun | None = None
        #: The phase of the active job.
        self.phase: Phase = operator.phases[0]
        self.handover = Handover()
        self.published = PublishedJobs(operator, ti)
        job_timeout = self.settings.job_timeout
        self.deadline: float | None = None if job_timeout is None else time.time() + job_timeout
        limit = operator.execution_timeout
        #: When ``execution_timeout`` is over. Airflow itself counts it anew after each deferral.
        self.end: float | None = None if limit is None else time.time() + limit.total_seconds()

    def execute(self) -> Any:
        """Runs all phases, from the beginning or from where an earlier try of the task was cut off."""
        from lithops_provider.jobs.adapter.compute import runner_prepared

        with self._ending_stopped(), runner_prepared(config := self._config()):
            return self._start_phase(self._client(config), self.operator.phases[0])

    def resume(self, event: Mapping[str, Any]) -> Any:
        """
        Goes on after a deferral.

        :param event: the event of the trigger, with the state that `_defer` gave to the trigger
        """
        with self._ending_stopped():
            return self._resume(event)

    def _resume(self, event: Mapping[str, Any]) -> Any:
        deferred = Deferred.from_dict(event["state"])
        self.handover = deferred.handover
        self.deadline, self.end = deferred.deadline, deferred.end
        phase, job = deferred.phase, deferred.job
        if not self.operator._has_phase(phase):
            raise InvalidInputError(
                f"the task was deferred while it ran a {phase}, but by now it is a {type(self.operator).__name__}, "
                "which has none: the DAG was changed meanwhile. Clear the task to run it as it is now"
            )
        client = self._client()
        client.check_holds(job)
        self.published.restore({**self.handover.jobs, phase: job})
        run = self._run(client, phase, self._stored_spec(client, phase, job))
        run.attach(job, deferred.run)
        if event["status"] == "timeout":
            raise JobTimeoutError(f"job {run.job.executor_id} was not done in time, and is cancelled")
        if event["status"] == "error":
            raise LithopsJobError(f"waiting for job {run.job.executor_id} failed: {event['message']}")
        if run.settle(RoundEnd.from_dict(event)):
            self._wait(run, phase)
        return self._conclude(run, phase)

    @property
    def job(self) -> LithopsJob | None:
        """The job that this try has sent last, or taken over."""
        return None if self.active is None else vars(self.active).get("job")

    @property
    def written(self) -> list[tuple[str, str]]:
        """Bucket and prefix of each place where the functions have written objects through ``storage``."""
        return self.handover.written

    def cancel(self) -> None:
        """Stops the job that is being run. Airflow calls this in a signal handler, and soon kills the process."""
        if self.active is not None and not self.active.cancelled:
            self.active.cancel()

    def cancel_known(self, error: BaseException) -> None:
        """
        Stops the jobs of this task that are in the task state store.

        :param error: the error with which Airflow fails the task
        """
        from lithops_provider.jobs.cancel import cancel_job

        try:
            known = {phase: entry.job for phase, entry in self.state.load().items()}
            stopped = [phase for phase, job in known.items() if cancel_job(self._client(), job, self.owner)]
            if stopped:
                ti = self.context["ti"]
                stored = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index, key=SUMMARY_KEY)
                self.handover.summaries = dict(stored or {})
                self.phase = stopped[-1]
                self._sum_up_stopped(self._client(), known[self.phase], error)
        except Exception:  # the error with which Airflow fails the task matters more
            self.log.exception("The job could not be cancelled")

    @contextmanager
    def _ending_stopped(self) -> Iterator[None]:
        """Stops the job when its time is over or it is cancelled, and publishes its summary."""
        try:
            yield
        except (JobTimeoutError, JobCancelledError, AirflowTaskTimeout) as error:
            self.cancel()
            if self.active is not None and self.job is not None:
                self._sum_up_stopped(self.active.client, self.job, error)
            raise

    def _sum_up_stopped(self, client: LithopsClient, job: LithopsJob, error: BaseException) -> None:
        """Publishes the summary of a job that was stopped. The process may have only seconds left for that."""
        from lithops_provider.jobs.client import LithopsClient
        from lithops_provider.jobs.follow.owner import is_owner
        from lithops_provider.jobs.gather.tally import read_tally

        if self.handover.summaries.get(self.phase, {}).get("job") == job.executor_id:
            return  # the job was over before, and has its summary
        hasty = LithopsClient(client.config, patience=2.0)
        try:
            if is_owner(hasty, job, self.owner):  # if not, another try has taken the job over
                tally = read_tally(hasty, job)
                sum_up(self.context["ti"], self.phase, hasty, job, tally, self.handover.summaries, error=error)
        except Exception:  # the error with which the task fails matters more
            self.log.warning("Job %s could not be summed up", job.executor_id, exc_info=True)

    def _start_phase(self, client: LithopsClient, phase: Phase) -> Any:
        from lithops_provider.jobs.submit.spec import make_spec

        operator = self.operator
        binding, items = operator._bind(self.context, client, phase, self.handover)
        spec = make_spec(kind_of(phase), binding, items, operator.options(phase))
        if not spec.items:
            # It is normal that a later phase has no items, such as the rewrite of files, so users need not know.
            level = logging.INFO if phase == operator.phases[0] else logging.DEBUG
            self.log.log(level, "%s: There are no items, so nothing is sent.", phase)
            if phase != operator.phases[-1] and operator._after_nothing():
                return self._start_phase(client, operator._next_phase(phase, self.handover))
            return self._return(client, [])
        if operator.deferrable:  # raise errors about the deferral before anything is sent
            self._trigger_config()
            defer_after()
        known = self.state.find(phase, client, spec)
        run = self._run(client, phase, spec)
        if known is None:
            run.submit()
        else:
            run.attach(known)
            self._store_chunks(client, phase, known)
            self.published.add(phase, run.job)
        last = phase == operator.phases[-1]
        if last and self.settings.async_invoke:
            self._forget_on_success(client, None)
            return run.job.to_dict()
        self._wait(run, phase)
        return self._conclude(run, phase)

    def _conclude(self, run: JobRun, phase: Phase) -> Any:
        """Decides whether a phase that is over has succeeded, and starts the next; returns what the task returns."""
        operator = self.operator
        last = phase == operator.phases[-1]
        results = run.results(keep=False) if run.read_results else []
        log_output(self.log, run.printed())
        self._sum_up(run, phase, error := self._failure_of(run, phase))
        if error is not None:
            raise error
        if not last:
            self.handover.jobs[phase] = run.job
            return self._start_phase(run.client, operator._next_phase(phase, self.handover))
        if not self.settings.get_result:
            self._forget_on_success(run.client, None)
            return run.job.to_dict()
        return self._return(run.client, results, run.job)

    def _return(self, client: LithopsClient, results: list[Any], *last: LithopsJob) -> Any:
        """Returns what the task returns. ``last`` is the last phase's job; without it, that phase had no items."""
        result = self.operator._finish(self.context, client, self.handover, results, nothing=not last)
        if self.operator.do_xcom_push:
            check_pushable(result, many=result is results)
        self._forget_on_success(client, [*last, *self.handover.jobs.values()])
        return result

    def _sum_up(self, run: JobRun, phase: Phase, error: ItemsFailedError | None) -> None:
        from lithops_provider.jobs.gather.tally import tally_of

        job, tally = run.job, tally_of(run.outcomes)
        handover, ti = self.handover, self.context["ti"]
        handover.add_written(tally.written)
        try:
            handover.summaries = sum_up(
                ti,
                phase,
                run.client,
                job,
                tally,
                handover.summaries,
                error=error,
                cached=run.cached,
                min_success_ratio=self.operator._success_ratio(phase, self.settings.min_success_ratio),
            )
        except LithopsJobError:  # the results are there, so the task goes on
            self.log.warning("Job %s could not be summed up", job.executor_id, exc_info=True)

    def _failure_of(self, run: JobRun, phase: Phase) -> ItemsFailedError | None:
        """Publishes the failures of items, if there are any, and returns an error if there are too many."""
        from lithops_provider.jobs.gather.failures import failure_message, too_many

        failures = run.failures()
        if not failures:
            return None
        where = publish_failures(self.context["ti"], run.client, run.job, failures)
        ratio = self.operator._success_ratio(phase, self.settings.min_success_ratio)
        message = failure_message(run.spec.name, failures, run.job.items, where, ratio)
        if too_many(len(failures), run.job.items, ratio):
            final = too_many(sum(failure.final for failure in failures), run.job.items, ratio)
            return ItemsFailedError(message, failures, run.job.items, final=final)
        self.log.warning(message)
        return None

    def _wait(self, run: JobRun, phase: Phase) -> None:
        """Waits until a job is over. If the operator is deferrable, and the job takes long, this defers the task."""
        if not self.operator.deferrable:
            run.finish()
            return
        wait = WorkerWait()
        if not run.finish(lambda: wait.enough(run.progress)):
            self._defer(run, phase)

    def _defer(self, run: JobRun, phase: Phase) -> None:
        from lithops_provider.triggers import LithopsJobTrigger

        check_wanted(self.context["ti"], run.job)
        deadline = min((end for end in (self.deadline, self.end) if end is not None), default=None)
        settings = self._trigger_config()
        left = None if deadline is None else max(deadline - time.time(), settings["first_look"])
        self.active = None  # from here on the trigger waits for the job, and stops it if need be
        self.operator.defer(
            trigger=LithopsJobTrigger(
                lithops_conn_id=self.operator.lithops_conn_id,
                job=run.job.to_dict(),
                poll_interval=self.settings.poll_interval,
                deadline=deadline,
                owner=self.owner,
                interrupted=run.interrupted,
                # In the trigger, not as arguments of the method: `dag.test()` passes the event alone.
                state=Deferred(phase, run.job, self.handover, run.state, self.deadline, self.end).to_dict(),
                **settings,
            ),
            method_name="resume",
            timeout=None if left is None else left + _TIMEOUT_SLACK,
        )

    def _trigger_config(self) -> dict[str, Any]:
        """
        Returns the settings that the trigger needs over the connection's.

        :raises InvalidInputError: there are credentials among them
        """
        from lithops_provider.triggers import without_credentials

        given = without_credentials(self.connection.lithops_config, self.connection.lithops_conn_id)
        return {"arguments": dict(self.connection.arguments), "lithops_config": given, "first_look": defer_at_least()}

    def _config(self) -> dict[str, Any]:
        from lithops_provider.hooks import LithopsHook
        from lithops_provider.jobs.adapter.runtimes.requirements import use_requirements

        config = LithopsHook.from_settings(self.connection).get_config()
        if requirements := self.settings.requirements:
            use_requirements(config, requirements)
        return config

    def _client(self, config: dict[str, Any] | None = None) -> LithopsClient:
        from lithops_provider.jobs.client import LithopsClient

        return LithopsClient(config or self._config())

    def _run(self, client: LithopsClient, phase: Phase, spec: JobSpec) -> JobRun:
        from lithops_provider.jobs.run import JobRun

        self.phase = phase
        digests = spec.digests if self.operator.durable else {}

        def record(job: LithopsJob) -> None:
            self.state.save(phase, job, digests)
            if len(job.rounds) == 1:
                self._store_chunks(client, phase, job)
            if run.cached == 0 or len(job.rounds) > 1:  # a round out of the cache isn't sent
                telemetry.count_sent(self.context["ti"], job)
            self.published.add(phase, job)

        run = self.active = JobRun(
            client=client,
            spec=spec,
            record=record,
            on_progress=ProgressLog(self.log),
            poll_interval=self.settings.poll_interval,
            deadline=self.deadline,
            item_retries=self.settings.item_retries,
            max_runtime_memory=self.settings.max_runtime_memory,
            owner=self.owner,
            read_results=phase == self.operator.phases[-1] and self.settings.get_result,
        )
        return run

    def _store_chunks(self, client: LithopsClient, phase: Phase, job: LithopsJob) -> None:
        if phase != self.operator.phases[-1]:  # after the last phase, no other would read them
            self.handover.store_chunks(client, job)

    def _stored_spec(self, client: LithopsClient, phase: Phase, job: LithopsJob) -> JobSpec:
        """Returns the spec of a job with the items that were sent. Binding the items again could yield others."""
        from lithops_provider.jobs.submit.plan import load_items
        from lithops_provider.jobs.submit.spec import make_spec

        items = load_items(client, job)
        if items is None:
            raise StorageUnavailableError(
                f"the items of job {job.executor_id} are gone from {job.storage}://{job.bucket}"
            )
        return make_spec(kind_of(phase), self.operator._bind_function(phase), items, self.operator.options(phase))

    def _forget_on_success(self, client: LithopsClient, cleaned: list[LithopsJob] | None) -> None:
        """
        After the XCom push, deletes the saved state and, with ``clean_data``, the jobs' data. It does that in a success
        callback, since Airflow calls those after the push. The callback is added to this try's copy of the operator.
        A listener isn't used: it would be called for every task of any operator, and has neither client nor jobs.

        :param client: where the jobs ran
        :param cleaned: the jobs; None if their results stay in storage
        """
        clean = cleaned if self.settings.clean_data else None

        def after_push(context: Any) -> None:
            from lithops_provider.jobs.clean import clean_job

            self.state.forget()
            for job in clean or []:
                clean_job(client, job)

        known: Any = self.operator.on_success_callback or []
        callbacks = list(known) if isinstance(known, (list, tuple)) else [known]
        self.operator.on_success_callback = [*callbacks, after_push]
