"""
Turns errors that a retry can't mend into AirflowFailException, after which Airflow doesn't retry a task. The operators
and the sensor run within `failing_on_bad_input`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lithops_provider.jobs.errors import InvalidInputError, ItemsFailedError
from lithops_provider.task.xcom import ResultNotPushableError


@contextlib.contextmanager
def failing_on_bad_input() -> Iterator[None]:
    """
    Makes the task fail without a retry if, within this context, a parameter is found wrong, a result can't be pushed,
    or too many items have failed for good.

    :raises AirflowFailException: that is so
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
