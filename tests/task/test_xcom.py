"""What can go into XCom, found out before Airflow tries."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.execution_time import xcom as airflow_xcom

from lithops_provider.task.xcom import ResultNotPushableError, check_pushable


@pytest.mark.parametrize("value", [None, [1, None, "x"], {"a": [1.5]}, (1, 2)])
def test_what_xcom_takes_passes(value: Any) -> None:
    check_pushable(value, many=False)


def test_numpy_and_pandas_pass_as_far_as_airflow_carries_them() -> None:
    import numpy as np
    import pandas as pd

    check_pushable([np.float64(1.5), np.int64(3), np.bool_(True)], many=True)
    # Airflow carries them with pyarrow; 3.1 doesn't know those of pandas 3.
    with pytest.raises(ResultNotPushableError, match=r"No module named 'pyarrow'|<class 'pandas\.DataFrame'>"):
        check_pushable(pd.DataFrame({"a": [1, 2]}), many=False)


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


def test_an_xcom_backend_of_its_own_takes_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    class ObjectStorage(airflow_xcom.BaseXCom):
        """Such as airflow.providers.common.io.xcom.backend.XComObjectStorageBackend."""

    monkeypatch.setenv("AIRFLOW__LITHOPS__MAX_XCOM_SIZE", "1000")
    monkeypatch.setattr(airflow_xcom, "XCom", ObjectStorage)
    check_pushable("x" * 2000, many=False)
