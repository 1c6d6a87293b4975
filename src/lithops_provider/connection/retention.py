"""
Reads ``[lithops] retention`` of Airflow's configuration: for how long the data of jobs is kept that no task deletes.
`LithopsHook.clean_older_than` goes by it.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import conf

from lithops_provider.jobs.errors import ConfigurationError


def configured_retention() -> timedelta | None:
    """
    Returns ``[lithops] retention``, or None if it isn't set: then nothing is ever deleted by its age alone.

    :raises ConfigurationError: it is not a number of days above 0
    """
    given = (conf.get("lithops", "retention", fallback="") or "").strip()
    if not given:
        return None
    try:
        age = timedelta(days=float(given))
    except (ValueError, OverflowError):  # no number; not a number; too large for a timedelta
        age = timedelta(0)
    if age <= timedelta(0):
        raise ConfigurationError(
            f"[lithops] retention must be a number of days above 0, got {given!r:.100}; leave it empty to keep all data"
        )
    return age
