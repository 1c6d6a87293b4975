"""
The sensor that waits for a job that another task has sent, in the worker or by the trigger, and returns its results or
its value.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseSensorOperator
from airflow.sdk.bases.sensor import PokeReturnValue

from lithops_provider.connection.settings import DEFAULT_CONN_ID
from lithops_provider.task.bad_input import failing_on_bad_input

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.errors import ItemsFailedError
    from lithops_provider.jobs.follow.follower import Progress

__all__ = ["LithopsJobSensor"]

#: Seconds between looks before the sensor is deferred.
_WORKER_POLL = 1.0


class LithopsJobSensor(BaseSensorOperator):
    """
    Waits until a job is over, in any of the modes of a sensor. Returns the job's results, or its value.

    :param job: the job's value, as an operator with ``async_invoke=True`` or ``get_result=False`` returns it
    :param lithops_conn_id: the connection with which it was sent
    :param lithops_config: the configuration over the connection's with which it was sent
    :param get_result: return the results; else the job's value
    :param min_success_ratio: share of items that have to succeed
    :param poll_interval: seconds between looks when deferred; None for Lithops's ``monitoring_interval``
    :param deferrable: wait in the triggerer, without a worker slot
    :param kwargs: see Airflow's BaseSensorOperator
    """

    template_fields: Sequence[str] = ("job", "lithops_conn_id", "lithops_config")
    ui_color = "#e8f4ea"

    def __init__(
        self,
        *,
        job: Any,
        lithops_conn_id: str = DEFAULT_CONN_ID,
        lithops_config: Mapping[str, Any] | None = None,
        get_result: bool = False,
        min_success_ratio: float = 1.0,
        poll_interval: float | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.lithops_conn_id = lithops_conn_id
        self.lithops_config = lithops_config
        self.get_result = get_result
        self.min_success_ratio = min_success_ratio
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        #: How far the job was at the last look.
        self._progress: Progress | None = None

    def execute(self, context: Context) -> Any:
        """Waits; see the class."""
        with failing_on_bad_input():
            return self._wait(context)

    def _wait(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        from lithops_provider.task.deferral import WorkerWait, defer_at_least
        from lithops_provider.triggers import LithopsJobTrigger, without_credentials

        wait = WorkerWait()
        while not (found := self.poke(context)) and not wait.enough(self._progress):
            time.sleep(_WORKER_POLL)
        if found:
            return found.xcom_value

        return self.defer(
            trigger=LithopsJobTrigger(
                lithops_conn_id=self.lithops_conn_id,
                job=dict(self.job),
                poll_interval=self.poll_interval,
                lithops_config=without_credentials(self.lithops_config, self.lithops_conn_id),
                first_look=min(defer_at_least(), self.timeout / 2),
            ),
            method_name="resume",
            timeout=self.timeout,
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Looks at the job once."""
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.wait import look_at_job
        from lithops_provider.task.progress import describe

        if self.job == []:
            self.log.info("The task that was to send the job had no items, so there is none.")
            return PokeReturnValue(True, [])
        job = LithopsJob.from_dict(self.job)
        over, progress = look_at_job(self._hook().get_client(), job)
        self._progress = progress
        self.log.info("Job %s: %s", job.executor_id, describe(progress, 0.0))
        return PokeReturnValue(over, self._result(context) if over else None)

    def resume(self, context: Context, event: Mapping[str, Any]) -> Any:
        """
        Goes on after the trigger has seen the job's end. Its name is stored with deferred tasks, so it stays, see
        `LithopsBaseOperator.resume`.

        :param context: Airflow's context of the task
        :param event: the event of the trigger
        :returns: the job's results, or its value
        :raises LithopsJobError: waiting for the job has failed
        """
        from lithops_provider.jobs.errors import LithopsJobError

        if event["status"] != "over":
            raise LithopsJobError(f"waiting for the job failed: {event.get('message', event['status'])}")
        with failing_on_bad_input():
            return self._result(context)

    def _result(self, context: Context) -> Any:
        from lithops_provider.jobs.errors import ItemsFailedError
        from lithops_provider.task.xcom import check_pushable

        gather = self._hook().gather_job if self.get_result else self._hook().check_job
        try:
            results = gather(self.job, min_success_ratio=self.min_success_ratio)
        except ItemsFailedError as error:
            self._sum_up(context, error)
            raise
        self._sum_up(context, None)
        if not self.get_result:
            return dict(self.job)
        result = results[0] if self.job["kind"] == "call" else results
        if self.do_xcom_push:
            check_pushable(result, many=isinstance(result, list))
        return result

    def _sum_up(self, context: Context, error: ItemsFailedError | None) -> None:
        """Publishes the job's summary. The task that sent the job couldn't: it was over before the job was."""
        from lithops_provider.jobs import LithopsJob
        from lithops_provider.jobs.errors import LithopsJobError
        from lithops_provider.jobs.gather.tally import read_tally
        from lithops_provider.report.summary import sum_up

        client, job = self._hook().get_client(), LithopsJob.from_dict(self.job)
        try:
            tally = read_tally(client, job)
            ratio = self.min_success_ratio
            sum_up(context["ti"], job.kind, client, job, tally, end=tally.ended, error=error, min_success_ratio=ratio)
        except LithopsJobError:  # the results are there
            self.log.warning("Job %s could not be summed up", job.executor_id, exc_info=True)

    def _hook(self) -> Any:
        from lithops_provider.hooks import LithopsHook

        return LithopsHook(self.lithops_conn_id, self.lithops_config)
