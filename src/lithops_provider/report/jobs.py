"""What a task tells of its jobs while they run, for the page in Airflow's web interface: an XCom and a link."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lithops_provider.links import LithopsJobLink
from lithops_provider.report.xcoms import JOB_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator

    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs.job import LithopsJob


class PublishedJobs:
    """
    The XCom ``lithops_job`` of a try: ``jobs``, the values by phase, and what leads to their storage,
    ``lithops_conn_id``, ``arguments`` and ``lithops_config`` without credentials, as far as they aren't empty
    or the default.

    :param operator: the task
    :param connection: what it says about its configuration
    :param ti: its instance
    """

    def __init__(self, operator: BaseOperator, connection: ConnectionSettings, ti: Any) -> None:
        self.operator = operator
        self.connection = connection
        self.ti = ti
        self._jobs: dict[str, dict[str, Any]] = {}

    def restore(self, jobs: Mapping[str, LithopsJob]) -> None:
        """
        Takes in what was published before a deferral.

        :param jobs: values of jobs by phase
        """
        self._jobs = {phase: job.to_dict() for phase, job in jobs.items()}

    def add(self, phase: str, job: LithopsJob) -> None:
        """
        Publishes the value of a phase's job, or what has become of it.

        :param phase: ``call``, ``map`` or ``reduce``
        :param job: its value
        """
        from lithops_provider.jobs.config.secrets import without_secrets

        if not self._jobs:  # early: Airflow itself stores links when the task is over
            link = LithopsJobLink()
            self.ti.xcom_push(key=link.xcom_key, value=link.get_link(self.operator, ti_key=self.ti))
        self._jobs[phase] = job.to_dict()
        config = _plain(without_secrets(dict(self.connection.lithops_config or {})))
        shown = replace(self.connection, lithops_config=config)
        self.ti.xcom_push(key=JOB_KEY, value={**shown.to_dict(), "jobs": self._jobs})


def _plain(config: dict[str, Any]) -> Any:
    """Returns what of a configuration JSON can tell, so that nothing in it makes the task fail here."""
    return json.loads(json.dumps(config, default=str))
