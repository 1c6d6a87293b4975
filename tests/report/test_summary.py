from __future__ import annotations

import pytest

from lithops_provider.jobs.view.prices import PRICES
from lithops_provider.report.summary import known_prices


def test_prices_come_from_airflows_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert known_prices() == PRICES

    monkeypatch.setenv("AIRFLOW__LITHOPS__PRICES", '{"k8s": {"vcpu_second": 0.5}}')
    assert known_prices()["k8s"].vcpu_second == 0.5


@pytest.mark.parametrize("given", ["{", '{"k8s": 1}', "[1]"])
def test_a_mistake_there_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__PRICES", given)

    assert known_prices() == PRICES
    assert "[lithops] prices" in caplog.text
