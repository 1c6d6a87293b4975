"""
For how long jobs' data is kept that no task deletes: ``[lithops] retention`` of Airflow's configuration. The hook
cleans by it.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import conf

from lithops_provider.jobs.errors import ConfigurationError


def configured_retention() -> timedelta | None:
    """Return ``[lithops] retention``, or None if it isn't set: then nothing is ever deleted by its age alone."""
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
