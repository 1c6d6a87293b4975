"""
Turns errors that a retry can't help against into AirflowFailException, after which Airflow doesn't retry a task. The
operators run within it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lithops_provider.jobs.errors import InvalidInputError, ItemsFailedError
from lithops_provider.task.xcom import ResultNotPushableError


@contextlib.contextmanager
def failing_on_bad_input() -> Iterator[None]:
    """
    Fails the task for good if something inside finds a parameter wrong, or a result that can't be pushed, or if too
    many items failed for good.

    :raises AirflowFailException: it does
    """
    try:
        yield
    except (InvalidInputError, ResultNotPushableError) as error:
        raise _fail(error) from error
    except ItemsFailedError as error:
        if error.final:
            raise _fail(error) from error
        raise


def _fail(error: Exception) -> Exception:
    from airflow.providers.common.compat.sdk import AirflowFailException

    return AirflowFailException(f"{type(error).__name__}: {error}")
