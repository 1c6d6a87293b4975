"""
Checks that results can be pushed to XCom and pulled again, before Airflow tries: a push that fails would waste the job.
A task's run and the sensor call it before they return results.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, MappingView
from typing import Any

from lithops_provider.jobs.errors import LithopsJobError


class ResultNotPushableError(LithopsJobError):
    """A result is of a kind that XCom doesn't take."""


#: Bytes of JSON that a result may have. Larger ones would burden Airflow's API server and its database.
_MAX_SIZE = 10 << 20
#: The range of whole numbers that everything an XCom passes through can hold.
_LEAST_INT, _MOST_INT = -(1 << 63), (1 << 63) - 1
#: Matches surrogates, which UTF-8 can't encode.
_SURROGATE = re.compile("[\ud800-\udfff]")
#: How many characters the words for the place of a value within a result may have, before the search goes no deeper.
_MAX_PLACE = 200
_CHOICES = (
    "Reduce the results to plain JSON values (LithopsMapReduceOperator), or keep them in storage with get_result=False "
    "and give the job's value to the next task, which reads them by reference"
)
_BACKEND = "an XCom backend that keeps large values in object storage ([core] xcom_backend)"


def check_pushable(results: Any, *, many: bool) -> None:
    """
    Checks that a task can return ``results``, and that another task can read them.

    :param results: the value to be returned
    :param many: whether it is a list of items' results, so that the one at fault can be named
    :raises ResultNotPushableError: XCom doesn't take it, or it is larger than ``[lithops] max_xcom_size``
    """
    if many and _are_plain(results):
        _check_size(len(_json(results)))
        return
    problem = _problem(results)
    if problem is None:
        return
    culprit, where = results, "the result"
    if many:
        for index, value in enumerate(results):
            if found := _problem(value):
                culprit, problem, where = value, found, f"the result of item {index}"
                break
    if culprit is not results or not many:
        where = f"{where}, of type {type(culprit).__name__},"
        place, inner = _innermost(culprit)
        if place:
            problem = f"{_problem(inner)}; that is {place} of it, of type {type(inner).__name__}"
        if hasattr(inner, "tolist"):
            problem = f"{problem}; return array.tolist() instead of the array"
        elif isinstance(inner, (Iterator, MappingView)):
            problem = f"{problem}; return list(...) of it instead"
    raise ResultNotPushableError(f"{where} can't go into XCom: {problem}. {_CHOICES}.")


def _are_plain(results: list[Any]) -> bool:
    """
    Tells whether all of the results are numbers and texts that certainly can be pushed and pulled. False if that isn't
    certain. To try it out would take as long as the push itself, which is seconds for a million results.
    """
    kinds = set(map(type, results))
    if kinds <= {int, bool, type(None)}:
        numbers = [result for result in results if result is not None] if type(None) in kinds else results
        return not numbers or (min(numbers) >= _LEAST_INT and max(numbers) <= _MOST_INT)
    if kinds == {float}:
        return all(map(math.isfinite, results))
    if kinds == {str}:
        text = "\n".join(results)
        return "\0" not in text and not _SURROGATE.search(text)
    return False


def _problem(value: Any) -> str | None:
    """
    Takes the steps in which Airflow pushes and pulls a value, without its API server.

    :returns: words for what goes wrong, or None
    :raises ResultNotPushableError: the value is too large
    """
    try:
        data = _pushed(value)
    except Exception as error:
        return _text_of(error)
    _check_size(len(data))
    try:
        _pull(data)
    except Exception as error:
        return f"a task that reads it would fail: {_text_of(error)}"
    if b"\\u0000" in data and _has_nul(json.loads(data)):
        return "it has a text with a NUL character, which PostgreSQL doesn't store"
    return None


def _pushed(value: Any) -> bytes:
    """
    Returns the bytes in which a value reaches the API server. It takes every step that can fail on the way: Airflow's
    serializers, the message to the task's supervisor, and JSON as the API client writes it.
    """
    import msgspec
    from airflow.sdk.bases.xcom import BaseXCom
    from airflow.sdk.execution_time.comms import SetXCom

    serialized: Any = BaseXCom.serialize_value(value)
    message = SetXCom(key="return_value", value=serialized, dag_id="", run_id="", task_id="")
    msgspec.msgpack.encode(message.model_dump())
    return _json(serialized)


def _json(serialized: Any) -> bytes:
    return json.dumps(serialized, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _pull(data: bytes) -> None:
    from airflow.sdk.bases.xcom import BaseXCom
    from airflow.sdk.execution_time.comms import XComResult

    BaseXCom.deserialize_value(XComResult.model_validate_json(b'{"key":"return_value","value":%b}' % data))


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _innermost(value: Any) -> tuple[str, Any]:
    """Returns the place of the value at fault within lists, tuples and dicts, such as ``['name'][3]``, and itself."""
    place = ""
    while True:
        inner = list(_elements(value))
        found = next(((key, element) for key, element in inner if _problem(element)), None)
        if found is None or len(place) > _MAX_PLACE:
            return place, value
        place, value = f"{place}[{found[0]!r}]", found[1]


def _elements(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()


def _text_of(error: Exception) -> str:
    return str(error) or type(error).__name__


def _check_size(size: int) -> None:
    from airflow.providers.common.compat.sdk import conf
    from airflow.sdk.execution_time.xcom import XCom

    limit = conf.getint("lithops", "max_xcom_size", fallback=_MAX_SIZE)
    if size > limit and XCom.__name__ == "BaseXCom":  # any other backend is there to take large values
        raise ResultNotPushableError(
            f"the result has {size:,} bytes as JSON, and XComs may have {limit:,} ([lithops] max_xcom_size in "
            f"Airflow's configuration). {_CHOICES}; or configure {_BACKEND}, or a larger limit."
        )
