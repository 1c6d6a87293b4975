"""Checks that results can go into XCom, before Airflow tries: a failed push would waste the whole job."""

from __future__ import annotations

import json
from typing import Any

from lithops_provider.jobs.errors import LithopsJobError


class ResultNotPushableError(LithopsJobError):
    """A result is of a kind that XCom doesn't take."""


_CHOICES = (
    "Return plain JSON values from the function, or reduce the results to such, or keep them in storage "
    "with get_result=False"
)


def check_pushable(results: Any, *, many: bool) -> None:
    """
    Checks that a task can return ``results``.

    :param results: the value to be returned
    :param many: whether it is a list of items' results, so that the one at fault can be named
    :raises ResultNotPushableError: XCom doesn't take it
    """
    problem = _problem(results)
    if problem is None:
        return
    where = "the result"
    if many:
        for index, value in enumerate(results):
            found = _problem(value)
            if found is not None:
                where, problem = f"the result of item {index}, of type {type(value).__name__},", found
                break
    else:
        where = f"the result, of type {type(results).__name__},"
    raise ResultNotPushableError(f"{where} can't go into XCom: {problem}. {_CHOICES}.")


def _problem(value: Any) -> str | None:
    """Does what a push does: Airflow's serializers, then JSON as the API client writes it, which has no NaN."""
    from airflow.sdk.bases.xcom import BaseXCom

    try:
        json.dumps(BaseXCom.serialize_value(value), allow_nan=False)
    except Exception as error:
        return str(error) or type(error).__name__
    return None
