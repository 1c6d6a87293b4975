"""What can go into XCom, found out before Airflow tries."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from typing import Any

import pydantic
import pytest
from airflow.sdk.execution_time import xcom as airflow_xcom

from lithops_provider.task import xcom
from lithops_provider.task.bad_input import failing_on_bad_input
from lithops_provider.task.xcom import ResultNotPushableError, check_pushable
from tests.airflow_version import AIRFLOW
from tests.programs import run_python


@pytest.mark.parametrize("value", [None, [1, None, "x"], {"a": [1.5]}, (1, 2)])
def test_what_xcom_takes_passes(value: Any) -> None:
    check_pushable(value, many=False)


def test_numpy_and_pandas_pass_as_far_as_airflow_carries_them() -> None:
    import numpy as np
    import pandas as pd

    check_pushable([np.float64(1.5), np.int64(3), np.bool_(True)], many=True)
    with contextlib.nullcontext() if AIRFLOW >= (3, 2) else pytest.raises(ResultNotPushableError):
        check_pushable(pd.DataFrame({"a": [1, 2]}), many=False)  # Airflow 3.1 doesn't know those of pandas 3


@pytest.mark.parametrize(("value", "kind"), [(b"\x00", "bytes"), (float("nan"), "float"), (object(), "object")])
def test_the_first_result_that_it_does_not_take_is_named_with_the_choices(value: object, kind: str) -> None:
    with pytest.raises(ResultNotPushableError) as raised:
        check_pushable([1, value, value], many=True)

    message = str(raised.value)
    assert message.startswith(f"the result of item 1, of type {kind}, can't go into XCom: ")
    assert "get_result=False" in message
    assert "LithopsMapReduceOperator" in message


def test_what_is_too_large_is_refused_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__MAX_XCOM_SIZE", "1000")
    check_pushable("x" * 998, many=False)
    with pytest.raises(ResultNotPushableError) as raised:
        check_pushable("x" * 999, many=False)

    message = str(raised.value)
    assert message.startswith("the result has 1,001 bytes as JSON, and XComs may have 1,000 ([lithops] max_xcom_size")
    assert "get_result=False" in message
    assert "[core] xcom_backend" in message


def test_results_of_which_none_is_at_fault_alone_are_refused_together() -> None:
    def nested(depth: int) -> Any:
        return [nested(depth - 1)] if depth else datetime.date(2026, 11, 27)

    def check_deeper_and_deeper(deepest: int) -> None:
        for depth in range(deepest):
            check_pushable(nested(depth), many=False)  # until the list around it is one too many
            check_pushable([nested(depth)], many=True)

    with pytest.raises(ResultNotPushableError, match=r"^the result can't go into XCom: (?s:.)*recursion") as raised:
        check_deeper_and_deeper(2_000)
    assert "item" not in str(raised.value).partition(". ")[0]


def test_an_xcom_backend_of_its_own_takes_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    class ObjectStorage(airflow_xcom.BaseXCom):
        """Such as airflow.providers.common.io.xcom.backend.XComObjectStorageBackend."""

    monkeypatch.setenv("AIRFLOW__LITHOPS__MAX_XCOM_SIZE", "1000")
    monkeypatch.setattr(airflow_xcom, "XCom", ObjectStorage)
    check_pushable("x" * 2000, many=False)


@dataclasses.dataclass
class Point:
    """As a DAG file may have it: not in the allow list of what XComs may hold."""

    x: int


class Model(pydantic.BaseModel):
    """As a DAG file may have it."""

    x: int


def deep(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (2**80, "can't serialize ints"),
        (-(2**80), "can't serialize ints"),
        ("no file \udce9.csv", "surrogates not allowed"),
        ({"\udce9": 1}, "surrogates not allowed"),
        (float("nan"), "Out of range float values are not JSON compliant"),
        (float("-inf"), "Out of range float values are not JSON compliant"),
        (Point(1), "Point was not found in allow list"),
        (Model(x=1), "Model was not found in allow list"),
        ([{"deep": (1, (2, Point(3)))}], "Point was not found in allow list"),
        ({"__type": "dict.of.somebody", "__var": 1}, "was not found in allow list"),
        (deep(5_000), "recursion"),
        (deep(240), ""),
        ("a\0b", "NUL character, which PostgreSQL doesn't store"),
        ({"a\0b": [1]}, "NUL character, which PostgreSQL doesn't store"),
    ],
)
def test_what_only_a_push_or_a_pull_would_find_is_found(value: Any, problem: str) -> None:
    for results, many, start in (([1, value], True, "the result of item 1, "), (value, False, "the result, ")):
        with pytest.raises(ResultNotPushableError) as raised:
            check_pushable(results, many=many)
        assert str(raised.value).startswith(f"{start}of type {type(value).__name__}, can't go into XCom: ")
        assert problem.lower() in str(raised.value).lower()


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), "\\u0000", "é", {1: 2}, (1, (2, (3,))), deep(100), {"a", "b"}])
def test_what_they_take_passes(value: Any) -> None:
    check_pushable([value], many=True)


def test_a_class_that_is_allowed_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow remembers the setting of the first look, so that it is another process that has it."""
    code = "from tests.task.test_xcom import *; check_pushable([Point(1), Model(x=1)], many=True)"
    run_python(code, environment={"AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "airflow.* tests.task.test_xcom.*"})


def test_the_value_at_fault_is_found_within_a_result() -> None:
    with pytest.raises(ResultNotPushableError) as raised:
        check_pushable([1, {"rows": [1, (2, b"x")]}], many=True)
    assert "; that is ['rows'][1][1] of it, of type bytes" in str(raised.value)


@pytest.mark.parametrize(
    "lazy", [map(str, [1]), {"a": 1}.items(), {"a": 1}.keys()], ids=lambda lazy: type(lazy).__name__
)
@pytest.mark.parametrize("nested", [False, True])
def test_for_what_gives_its_entries_one_by_one_it_says_list(lazy: Any, nested: bool) -> None:
    with pytest.raises(ResultNotPushableError, match=r"; return list\(\.\.\.\) of it instead\."):
        check_pushable({"rows": lazy} if nested else lazy, many=False)


@pytest.mark.parametrize("nested", [False, True])
def test_for_an_array_it_says_tolist(nested: bool) -> None:
    import numpy as np

    array = np.arange(3)
    with pytest.raises(ResultNotPushableError, match=r"return array\.tolist\(\) instead of the array"):
        check_pushable([1, {"array": array} if nested else array], many=True)
    check_pushable([1, array.tolist()], many=True)


def test_a_result_that_cannot_be_pushed_is_not_tried_again() -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException, match="ResultNotPushableError: the result"), failing_on_bad_input():
        check_pushable(b"x", many=False)


@pytest.mark.parametrize(
    "results",
    [
        *([1, 2], [True, None, -(2**63)], [2**63 - 1, 0], [2**63], [2**64], [-(2**63) - 1], [None], []),
        *(
            [1.5, -0.0],
            [1.5, float("nan")],
            [float("-inf")],
            ["a", "é", ""],
            ["a\0"],
            ["\ud800"],
            ["a", b"b"],
            [1, "a"],
        ),
        *([[1], [2]], [{"a": 1}], [1.5, 2]),
    ],
    ids=ascii,
)
def test_what_is_seen_at_a_glance_is_what_a_try_finds(results: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> str:
        try:
            check_pushable(results, many=True)
        except ResultNotPushableError as error:
            return str(error)
        return ""

    at_a_glance = refused()
    monkeypatch.setattr(xcom, "_are_plain", lambda results: False)
    assert at_a_glance == refused()


def test_the_size_of_plain_results_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__MAX_XCOM_SIZE", "1000")
    check_pushable([1] * 499, many=True)
    with pytest.raises(ResultNotPushableError, match="1,001 bytes"):
        check_pushable([1] * 500, many=True)
