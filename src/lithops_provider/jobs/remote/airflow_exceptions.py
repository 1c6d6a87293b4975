"""
What Airflow's own exceptions mean in a function. They are known by their names: Airflow isn't imported here, and where
it is, each release has them in other modules.
"""

from __future__ import annotations


def is_skip(error: BaseException) -> bool:
    """Tells whether a function raised AirflowSkipException: its item is to count as None, and not as failed."""
    return _is_airflows(error, "AirflowSkipException")


def is_fail(error: BaseException) -> bool:
    """Tells whether a function raised AirflowFailException: its item has failed, and is not to be tried again."""
    return _is_airflows(error, "AirflowFailException")


def _is_airflows(error: BaseException, name: str) -> bool:
    return any(
        cls.__name__ == name and str(cls.__module__).partition(".")[0] == "airflow" for cls in type(error).__mro__
    )
