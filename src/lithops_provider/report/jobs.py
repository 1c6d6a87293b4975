"""
Publishes a task's jobs while they run: an XCom and a link, by which the page in Airflow's web interface and the command
line find them. A task's run calls it before each round is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lithops_provider.links import LithopsJobLink
from lithops_provider.report.xcoms import JOB_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator

    from lithops_provider.jobs.job import LithopsJob


class PublishedJobs:
    """
    The XCom ``lithops_job`` of a try: ``jobs``, the values of the jobs by phase. It says nothing about how to connect
    to their storage, since users may write XComs.

    :param operator: the task
    :param ti: its instance
    """

    def __init__(self, operator: BaseOperator, ti: Any) -> None:
        self.operator = operator
        self.ti = ti
        self._jobs: dict[str, dict[str, Any]] = {}

    def restore(self, jobs: Mapping[str, LithopsJob]) -> None:
        """
        Restores, after a deferral, the jobs that were published before it.

        :param jobs: values of jobs by phase
        """
        self._jobs = {phase: job.to_dict() for phase, job in jobs.items()}

    def add(self, phase: str, job: LithopsJob) -> None:
        """
        Publishes the value of a phase's job, which may have more rounds than the last time.

        :param phase: ``call``, ``map`` or ``reduce``
        :param job: its value
        """
        if not self._jobs:  # pushed at once, since Airflow itself only stores links when the task is over
            link = LithopsJobLink()
            self.ti.xcom_push(key=link.xcom_key, value=link.get_link(self.operator, ti_key=self.ti))
        self._jobs[phase] = job.to_dict()
        self.ti.xcom_push(key=JOB_KEY, value={"jobs": self._jobs})
