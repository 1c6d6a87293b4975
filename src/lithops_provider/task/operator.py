"""
The base of the operators: the methods that Airflow calls to run a task, to go on after a deferral, to kill it, and to
ask for its lineage. The work is done in `task/run.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider.task.bad_input import failing_on_bad_input
from lithops_provider.task.parameters import LithopsParameters

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.job import LithopsJob


class LithopsBaseOperator(LithopsParameters):
    """
    Base of the operators: the methods that Airflow calls.

    :param kwargs: see `LithopsParameters`
    """

    def execute(self, context: Context) -> Any:
        """
        Runs the job.

        :returns: its result or results, or its value if they are to stay in storage
        :raises AirflowFailException: a parameter is wrong, which no retry mends
        :raises ItemsFailedError: more items failed than ``min_success_ratio`` allows
        """
        from lithops_provider.task.run import TaskRun

        with failing_on_bad_input():
            self._task_run = TaskRun(self, context)
            return self._task_run.execute()

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """
        Goes on after the trigger has seen the job's end. Returns and raises what `execute` does.

        Providers mostly call this method ``execute_complete``. It keeps its name, which is stored in the database with
        each deferred task: one that was deferred before an upgrade has to find it after.

        :param context: Airflow's context of the task
        :param event: the event of the trigger
        """
        from lithops_provider.task.run import TaskRun

        with failing_on_bad_input():
            self._task_run = TaskRun(self, context)
            return self._task_run.resume(event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Cancels the job before Airflow fails the task for a trigger that timed out or failed."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except BaseException as error:
            # "__fail__" is Airflow's own name for "the trigger failed or timed out" (`TRIGGER_FAIL_REPR`, 3.1 to 3.3).
            # Airflow then calls no other method of the operator, so without this nobody would stop the job.
            if next_method == "__fail__":
                from lithops_provider.task.run import TaskRun

                TaskRun(self, context).cancel_known(error)
            raise

    def on_kill(self) -> None:
        """Cancels the job when the task is killed: marked failed, cleared, or past its execution_timeout."""
        task_run = getattr(self, "_task_run", None)
        if task_run is not None:
            task_run.cancel()

    def get_openlineage_facets_on_start(self) -> Any:
        """Returns OpenLineage's facets of the task before it runs: what it reads, its outlets, and its function."""
        return self._lineage(None, ())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """
        Returns OpenLineage's facets of the task after it has run. Beside those of its start, these are its job, and
        what it and its functions leave in storage.

        :param task_instance: Airflow's task instance
        """
        task_run = getattr(self, "_task_run", None)
        return self._lineage(None, ()) if task_run is None else self._lineage(task_run.job, task_run.written)

    def _lineage(self, job: LithopsJob | None, written: Sequence[tuple[str, str]]) -> Any:
        from lithops_provider.report.lineage import lineage

        settings = self.settings()
        paths, references = self._lineage_inputs()
        return lineage(
            paths=paths,
            references=references,
            inlets=self.inlets,
            outlets=self.outlets,
            function=self._function(),
            connection=self.connection,
            job=job,
            results_stay=settings.async_invoke or not settings.get_result,
            written=written,
            files=self._lineage_files(),
        )
