"""
Prices of compute backends, pay-as-you-go and without free grants, and estimates of the cost of a job at these prices.
summary.py calls it, with the table that `report/summary.py` has merged with the user's prices.

Some backends are missing: those whose prices could not be looked up (code_engine, aliyun_fc, oracle_f), depend on what
else a machine or cluster does (k8s, aws_batch, virtual machines), or are billed by units that Lithops's configuration
doesn't have (gcp_functions: GHz). Users add them by ``[lithops] prices`` in Airflow's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from lithops_provider.jobs.errors import ConfigurationError


@dataclass(frozen=True)
class Price:
    """
    The prices of a backend.

    :param currency: ISO 4217
    :param region: the region that has these prices
    :param gb_second: price of 1024 MB of configured memory for a second
    :param vcpu_second: price of a vCPU (Lithops's ``runtime_cpu``) for a second
    :param request: price of a call
    :param date: when the source had these prices
    :param source: where the prices were looked up
    """

    currency: str = "USD"
    region: str = ""
    gb_second: float = 0.0
    vcpu_second: float = 0.0
    request: float = 0.0
    date: str = ""
    source: str = ""


PRICES: dict[str, Price] = {
    "aws_lambda": Price(
        region="us-east-1",
        gb_second=0.0000166667,  # x86_64, first tier; arm64 takes 0.0000133334
        request=0.0000002,
        date="2024",
        source="AWS Lambda pricing, as quoted by cloudchipr.com/blog/aws-lambda-pricing",
    ),
    "gcp_cloudrun": Price(
        region="tier 1",
        gb_second=0.0000025,
        vcpu_second=0.000024,  # request-based billing
        request=0.0000004,
        date="2025",
        source="cloud.google.com/run/pricing",
    ),
    # Flex Consumption, which Lithops 3.8 makes; on demand. The price of an execution is not verified.
    "azure_functions": Price(
        region="East US",
        gb_second=0.000026,
        request=0.0000004,
        date="2025-05",
        source="Azure Functions pricing, as quoted by modal.com/blog/azure-function-pricing-guide",
    ),
}


def merged_prices(given: Any) -> dict[str, Price]:
    """
    Returns the table of prices with a user's prices over it, field by field.

    :param given: fields of `Price` by backend, as the user has configured them
    :raises ConfigurationError: it isn't a dict of such fields
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"[lithops] prices must be a JSON object by backend, got {given!r:.200}")
    table = dict(PRICES)
    for backend, entry in given.items():
        if not isinstance(entry, Mapping):
            raise ConfigurationError(f"[lithops] prices: {backend} must be a JSON object, got {entry!r:.200}")
        for name, value in entry.items():
            known = next((field for field in fields(Price) if field.name == name), None)
            if known is None:
                names = ", ".join(field.name for field in fields(Price))
                raise ConfigurationError(f"[lithops] prices: {backend} has {name!r}; it may have {names}")
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
            if not (number if known.type == "float" else isinstance(value, str)):
                what = "a number of at least 0" if known.type == "float" else "text"
                raise ConfigurationError(f"[lithops] prices: {backend}.{name} must be {what}, got {value!r:.200}")
        table[backend] = replace(table.get(backend, Price()), **entry)
    return table


def estimate(
    price: Price, *, seconds: float, gb: float | None, vcpus: float | None, requests: int
) -> dict[str, Any] | None:
    """
    Returns an estimate of what a job has cost.

    :param price: the prices of its backend
    :param seconds: how long its functions ran, all together
    :param gb: memory of each function, if it is known
    :param vcpus: vCPUs of each function, if they are known
    :param requests: number of calls
    :returns: ``estimate``, ``currency`` and ``region``; None if what the price depends on isn't known
    """
    if (price.gb_second and gb is None) or (price.vcpu_second and vcpus is None):
        return None
    amount = seconds * (price.gb_second * (gb or 0.0) + price.vcpu_second * (vcpus or 0.0)) + requests * price.request
    return {"estimate": float(f"{amount:.4g}"), "currency": price.currency, "region": price.region}
