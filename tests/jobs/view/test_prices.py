from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.get_provider_info import _BACKENDS
from lithops_provider.jobs.errors import ConfigurationError
from lithops_provider.jobs.view.prices import PRICES, estimate, merged_prices


def test_the_table_says_where_its_prices_are_from() -> None:
    assert set(PRICES) <= set(_BACKENDS)
    for price in PRICES.values():
        assert price.region
        assert price.source
        assert price.date
        assert 0 < price.gb_second < 0.001
        assert 0 < price.request < 0.001


def test_an_estimate_by_hand() -> None:
    lambda_ = estimate(PRICES["aws_lambda"], seconds=1000.0, gb=2.0, vcpus=None, requests=1_000_000)
    assert lambda_ == {"estimate": 0.2333, "currency": "USD", "region": "us-east-1"}  # 0.0333 and 0.20
    run = estimate(PRICES["gcp_cloudrun"], seconds=1000.0, gb=1.0, vcpus=0.5, requests=0)
    assert run is not None
    assert run["estimate"] == pytest.approx(0.0025 + 0.012)


def test_no_estimate_without_what_it_depends_on() -> None:
    assert estimate(PRICES["aws_lambda"], seconds=1.0, gb=None, vcpus=1.0, requests=1) is None
    assert estimate(PRICES["gcp_cloudrun"], seconds=1.0, gb=1.0, vcpus=None, requests=1) is None


def test_prices_of_users_go_over_the_table() -> None:
    merged = merged_prices({"aws_lambda": {"gb_second": 1}, "k8s": {"currency": "EUR", "vcpu_second": 0.5}})

    assert merged["aws_lambda"].gb_second == 1
    assert merged["aws_lambda"].request == PRICES["aws_lambda"].request
    assert merged["gcp_cloudrun"] == PRICES["gcp_cloudrun"]
    known = estimate(merged["k8s"], seconds=2.0, gb=None, vcpus=3.0, requests=5)
    assert known == {"estimate": 3.0, "currency": "EUR", "region": ""}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "must be a JSON object by backend"),
        ({"k8s": 1}, "k8s must be a JSON object"),
        ({"k8s": {"gb": 1}}, "k8s has 'gb'; it may have currency, region, gb_second"),
        ({"k8s": {"request": "1"}}, "k8s.request must be a number of at least 0, got '1'"),
        ({"k8s": {"request": -1}}, "k8s.request must be a number"),
        ({"k8s": {"currency": 1}}, "k8s.currency must be text"),
    ],
)
def test_what_is_no_price_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        merged_prices(given)
