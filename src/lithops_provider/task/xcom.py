"""Checks that results can go into XCom, before Airflow tries: a failed push would waste the whole job."""

from __future__ import annotations

import json
from typing import Any

from lithops_provider.jobs.errors import LithopsJobError


class ResultNotPushableError(LithopsJobError):
    """A result is of a kind that XCom doesn't take."""


#: Bytes of JSON that a result may have: more burdens Airflow's API server and its database.
_MAX_SIZE = 10 << 20
_CHOICES = (
    "Reduce the results to plain JSON values (LithopsMapReduceOperator), or keep them in storage with get_result=False "
    "and give the job's value to the next task, which reads them by reference"
)
_BACKEND = "an XCom backend that keeps large values in object storage ([core] xcom_backend)"


def check_pushable(results: Any, *, many: bool) -> None:
    """
    Checks that a task can return ``results``.

    :param results: the value to be returned
    :param many: whether it is a list of items' results, so that the one at fault can be named
    :raises ResultNotPushableError: XCom doesn't take it, or it is larger than ``[lithops] max_xcom_size``
    """
    try:
        size = _dumped_size(results)
    except Exception as error:
        problem = str(error) or type(error).__name__
    else:
        _check_size(size)
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
    try:
        _dumped_size(value)
    except Exception as error:
        return str(error) or type(error).__name__
    return None


def _dumped_size(value: Any) -> int:
    """Does what a push does: Airflow's serializers, then JSON as the API client writes it, which has no NaN."""
    from airflow.sdk.bases.xcom import BaseXCom

    return len(json.dumps(BaseXCom.serialize_value(value), allow_nan=False))


def _check_size(size: int) -> None:
    from airflow.providers.common.compat.sdk import conf
    from airflow.sdk.execution_time.xcom import XCom

    limit = conf.getint("lithops", "max_xcom_size", fallback=_MAX_SIZE)
    if size > limit and XCom.__name__ == "BaseXCom":  # any other backend is there to take large values
        raise ResultNotPushableError(
            f"the result has {size:,} bytes as JSON, and XComs may have {limit:,} ([lithops] max_xcom_size in "
            f"Airflow's configuration). {_CHOICES}; or configure {_BACKEND}, or a larger limit."
        )
