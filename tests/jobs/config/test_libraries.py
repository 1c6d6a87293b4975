"""A library that is missing is named with what installs it."""

from __future__ import annotations

from importlib.metadata import metadata

import pytest

from lithops_provider.jobs.config.libraries import missing_library
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import ConfigurationError
from tests.jobs.adapter.workarounds.sources import source_of
from tests.jobs.lithops_configs import (
    SOURCE,
    backend_config,
    no_libraries,  # noqa: F401 - fixtures
    storage_config,
)


@pytest.mark.usefixtures("no_libraries")
@pytest.mark.parametrize(
    ("backend", "extra"),
    [
        *(("aws_lambda", "aws"), ("aws_batch", "aws"), ("aws_ec2", "aws"), ("gcp_functions", "gcp")),
        *(("gcp_cloudrun", "gcp"), ("gcp_compute_engine", "gcp"), ("azure_functions", "azure")),
        *(("azure_containers", "azure"), ("azure_vms", "azure"), ("code_engine", "ibm"), ("ibm_cf", "ibm")),
        *(("ibm_vpc", "ibm"), ("aliyun_fc", "aliyun"), ("oracle_f", "oracle"), ("k8s", "kubernetes")),
        ("knative", "knative"),
        *(("openwhisk", "minio"), ("singularity", "minio"), ("vm", "minio")),  # their storage's
    ],
)
def test_a_missing_library(backend: str, extra: str) -> None:
    ours = extra in (metadata("airflow-provider-lithops").get_all("Provides-Extra") or ())
    package = "airflow-provider-lithops" if ours else "lithops"
    with pytest.raises(ConfigurationError, match=rf"needs the module '[\w.]+': pip install '{package}\[{extra}\]'$"):
        resolve_config(backend_config(backend), source=SOURCE)


@pytest.mark.usefixtures("no_libraries")
@pytest.mark.parametrize(("storage", "extra"), [("aws_s3", "aws"), ("azure_storage", "azure"), ("ibm_cos", "ibm")])
def test_a_missing_library_of_the_storage_alone(storage: str, extra: str) -> None:
    said = (
        rf"^{SOURCE}: storage '{storage}' needs the module '[\w.]+': pip install 'airflow-provider-lithops\[{extra}\]'$"
    )
    with pytest.raises(ConfigurationError, match=said):
        resolve_config(storage_config(storage), source=SOURCE)


def test_what_no_extra_installs_is_named_by_itself() -> None:
    error = ModuleNotFoundError("No module named 'pika'", name="pika")

    said = missing_library("backend 'singularity'", "singularity", error)

    assert said == "backend 'singularity' needs the module 'pika': install what provides 'pika'"


def test_lithops_still_needs_an_old_client_of_oracle() -> None:
    """When this fails, the extra `oracle` of pyproject.toml need not limit the client any more."""
    source = source_of("lithops.serverless.backends.oracle_f.oracle_f")

    assert source.count("image=image_name,") == 2
    assert "function.image" in source
