"""What can be given wrongly: an error before anything is sent; and which failures of a task Airflow retries."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from lithops_provider.jobs.errors import InvalidInputError, ItemsFailedError
from lithops_provider.operators import LithopsMapOperator
from tests.airflow.dags.seed_bad_rows import BAD
from tests.jobs.failures import fail_for_good
from tests.task.instances import Instance


def raises(kind: str) -> str:
    if kind == "for good":
        fail_for_good("hopeless")
    if kind == "this time":
        raise ValueError("unlucky")
    return kind


@pytest.mark.parametrize(
    ("ratio", "error"),
    [
        (1.0, AirflowFailException),
        (0.5, ItemsFailedError),  # enough may succeed next time
    ],
)
def test_airflow_retries_unless_too_many_items_failed_for_good(ratio: float, error: type[Exception]) -> None:
    items = ["this time", "for good"]
    task = LithopsMapOperator(
        task_id="t", map_function=raises, map_iterdata=items, min_success_ratio=ratio, poll_interval=0.05
    )
    with pytest.raises(Exception, match=r"of 2 item\(s\) of raises failed") as raised:
        task.execute({"ti": Instance()})  # type: ignore[typeddict-item]
    assert type(raised.value) is error


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.dag_id is None])
def test_bad_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is published before anything of it is stored or sent."""
    monkeypatch.setenv("AIRFLOW__LITHOPS__MAX_ITEMS", "1000")  # not ten million, which take four seconds
    bad, instance = BAD[name], Instance()
    task = bad.operator(task_id=name, **bad.given)
    with pytest.raises(AirflowFailException) as raised:
        task.execute({"ti": instance})  # type: ignore[typeddict-item]
    assert isinstance(raised.value.__cause__, InvalidInputError)
    assert [part for part in bad.says if part not in str(raised.value)] == []
    assert instance.pushed == {}
