"""The XCom that sums up a task's jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from lithops_provider.jobs.errors import ConfigurationError

if TYPE_CHECKING:
    from lithops_provider.jobs.prices import Price
    from lithops_provider.jobs.run import JobRun

logger = logging.getLogger(__name__)

#: XCom with a summary of each of the task's jobs, by phase.
SUMMARY_KEY = "lithops_summary"
#: Where a later phase finds the summaries of earlier ones.
_CARRIED = "summaries"


def push_summary(ti: Any, phase: str, run: JobRun, carried: dict[str, Any]) -> dict[str, Any]:
    """
    Sums up a job that is over.

    :param ti: the task instance, which gets the XCom
    :param phase: the job's phase
    :param run: the job
    :param carried: what phases leave for later ones
    :returns: see `lithops_provider.jobs.summary.summarize`
    """
    from lithops_provider.jobs.summary import summarize

    read = len(run.outcomes) >= run.job.items
    found = summarize(run, known_prices(), read=read)
    carried[_CARRIED] = {**carried.get(_CARRIED, {}), phase: found}
    ti.xcom_push(key=SUMMARY_KEY, value=carried[_CARRIED])
    return found


def known_prices() -> dict[str, Price]:
    """Returns the prices of the package with those of ``[lithops] prices`` over them. A mistake there costs no task."""
    from lithops_provider.jobs.prices import PRICES, merged_prices

    try:
        try:
            given = conf.getjson("lithops", "prices", fallback={})
        except Exception as error:  # AirflowConfigException, which has another place in each release
            raise ConfigurationError(f"[lithops] prices isn't JSON: {error}") from error
        return merged_prices(given or {})
    except ConfigurationError as error:
        logger.warning("%s; costs are estimated without it", error)
        return dict(PRICES)
