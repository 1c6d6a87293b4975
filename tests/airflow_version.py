"""Which Airflow the tests run with, and what it can't do yet."""

from __future__ import annotations

import pytest
from airflow import __version__

AIRFLOW = tuple(int(number) for number in __version__.split(".")[:2])
"""Its version: (3, 1)."""


def needs_airflow(version: str, what: str) -> pytest.MarkDecorator:
    """
    Skip a test on an Airflow that lacks what it is about; docs/versions.md tells users the same.

    :param version: the first that has it, as ``3.3``
    :param what: it, as in "the task state store"
    """
    missing = tuple(map(int, version.split("."))) > AIRFLOW
    reason = f"Airflow {__version__} hasn't {what}, which {version} has: see docs/versions.md"
    return pytest.mark.skipif(missing, reason=reason)


STATE_STORE = needs_airflow("3.3", "the task state store")
