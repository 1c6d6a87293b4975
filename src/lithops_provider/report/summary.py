"""
Makes the summary of a job that is over, and publishes it: as an XCom, in metrics and in a span. A task's run, sensors
and the listener call it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf

from lithops_provider.jobs.errors import ConfigurationError, ItemsFailedError
from lithops_provider.report import telemetry
from lithops_provider.report.xcoms import SUMMARY_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.gather.tally import ItemTally
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.view.prices import Price

#: Characters of the error for which a job was stopped.
_REASON = 300

logger = logging.getLogger(__name__)


def sum_up(
    ti: Any,
    phase: str,
    client: LithopsClient,
    job: LithopsJob,
    tally: ItemTally,
    earlier: Mapping[str, Any] | None = None,
    *,
    end: float | None = None,
    error: BaseException | None = None,
    min_success_ratio: float | None = None,
    cached: int = 0,
) -> dict[str, Any]:
    """
    Publishes the summary of a job that is over, or was stopped: as an XCom, in metrics and in a span.

    :param ti: the task instance
    :param phase: the job's phase
    :param client: where the job ran
    :param job: its value
    :param tally: the tally of its items
    :param earlier: the summaries of the jobs of earlier phases, by phase
    :param end: see `lithops_provider.jobs.view.summary.summarize`
    :param error: the error with which the task fails
    :param min_success_ratio: share of items that had to succeed; None if that was not checked
    :param cached: how many items have taken their results from the cache
    :returns: the earlier summaries, and this one, by phase
    """
    from lithops_provider.jobs.view.summary import summarize

    stopped = error is not None and not isinstance(error, ItemsFailedError)
    found = summarize(client, job, tally, known_prices(), end=end, stopped=stopped, cached=cached)
    if min_success_ratio is not None:
        found["min_success_ratio"] = min_success_ratio
    if stopped:
        found["reason"] = f"{type(error).__name__}: {error}".partition("\n")[0][:_REASON]
    summaries = {**(earlier or {}), phase: found}
    ti.xcom_push(key=SUMMARY_KEY, value=summaries)
    telemetry.tell_of_end(ti, job, found, error)
    return summaries


def known_prices() -> dict[str, Price]:
    """
    Returns the prices of the package with those of ``[lithops] prices`` over them. If these are wrong, a warning is
    logged, and the prices of the package alone are returned.
    """
    from lithops_provider.jobs.view.prices import PRICES, merged_prices

    try:
        try:
            given = conf.getjson("lithops", "prices", fallback={})
        except Exception as error:  # AirflowConfigException, which has another place in each release
            raise ConfigurationError(f"[lithops] prices isn't JSON: {error}") from error
        return merged_prices(given or {})
    except ConfigurationError as error:
        logger.warning("%s; costs are estimated without it", error)
        return dict(PRICES)
