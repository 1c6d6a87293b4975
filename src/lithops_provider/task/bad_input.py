"""Turns errors about parameters into errors that Airflow doesn't retry: no retry mends them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lithops_provider.jobs.errors import InvalidInputError


@contextlib.contextmanager
def failing_on_bad_input() -> Iterator[None]:
    """
    Fails the task for good if something inside finds a parameter wrong.

    :raises AirflowFailException: it does
    """
    try:
        yield
    except InvalidInputError as error:
        from airflow.providers.common.compat.sdk import AirflowFailException

        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
