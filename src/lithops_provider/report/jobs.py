"""What a task tells of its jobs while they run, for the page in Airflow's web interface: an XCom and a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lithops_provider.links import LithopsJobLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.task.base import LithopsBaseOperator

#: XCom with the task's jobs. Airflow deletes it before the next try, which writes it anew.
JOB_KEY = "lithops_job"


class PublishedJobs:
    """
    The XCom ``lithops_job`` of a try: ``jobs``, the values by phase, and what leads to their storage,
    ``lithops_conn_id``, ``arguments`` and ``lithops_config`` without credentials, as far as they aren't empty
    or the default.

    :param operator: the task
    :param ti: its instance
    """

    def __init__(self, operator: LithopsBaseOperator, ti: Any) -> None:
        self.operator = operator
        self.ti = ti
        self._jobs: dict[str, dict[str, Any]] = {}

    def know(self, jobs: Mapping[str, Any]) -> None:
        """
        Takes in what was published before a deferral.

        :param jobs: values of jobs by phase; anything else among them is left out
        """
        from lithops_provider.jobs.job import LithopsJob

        self._jobs = {phase: value for phase, value in jobs.items() if LithopsJob.is_value(value)}

    def add(self, phase: str, job: LithopsJob) -> None:
        """
        Publishes the value of a phase's job, or what has become of it.

        :param phase: ``call``, ``map`` or ``reduce``
        :param job: its value
        """
        operator = self.operator
        if not self._jobs:  # early: Airflow itself stores links when the task is over
            link = LithopsJobLink()
            self.ti.xcom_push(key=link.xcom_key, value=link.get_link(operator, ti_key=self.ti))
        self._jobs[phase] = job.to_dict()
        self.ti.xcom_push(key=JOB_KEY, value={"jobs": self._jobs})
