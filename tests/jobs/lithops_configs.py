"""Smallest configurations of all backends of Lithops, and fixtures that pretend the clouds' libraries are there."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.config.resolve import storage_backends

SOURCE = "connection 'lithops_default'"
AWS = {"region": "eu-west-1", "access_key_id": "AKIA", "secret_access_key": "secret"}
AZURE = {"storage_account_name": "account", "storage_account_key": "key"}
IBM = {"iam_api_key": "key", "region": "eu-de", "resource_group_id": "group"}
COS = {"access_key_id": "id", "secret_access_key": "secret"}
ALIYUN = {"account_id": "1", "access_key_id": "id", "access_key_secret": "secret", "region": "eu-central-1"}
ORACLE = {
    **{"compartment_id": "1", "user": "u", "key_file": "~/key.pem", "region": "eu-frankfurt-1"},
    **{"tenancy": "t", "fingerprint": "f"},
}
S3 = {"endpoint": "http://127.0.0.1:9000", "access_key_id": "id", "secret_access_key": "secret"}
MINIO = {"minio": S3}

#: For each compute backend the storage and the smallest configuration that Lithops takes.
COMPUTE: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "localhost": ("localhost", {}),
    "aws_lambda": ("aws_s3", {"aws": AWS, "aws_lambda": {"execution_role": "arn:role"}}),
    "aws_batch": ("aws_s3", {"aws": AWS, "aws_batch": {"execution_role": "arn:role", "security_groups": ["g"]}}),
    "aws_ec2": ("aws_s3", {"aws": AWS, "aws_ec2": {"instance_role": "role"}}),
    "gcp_functions": ("gcp_storage", {"gcp": {"region": "europe-west1"}}),
    "gcp_cloudrun": ("gcp_storage", {"gcp": {"region": "europe-west1", "credentials_path": "~/gcp.json"}}),
    "gcp_compute_engine": (
        "gcp_storage",
        {"gcp": {"region": "r"}, "gcp_compute_engine": {"project_name": "p", "zone": "europe-west1-b"}},
    ),
    "azure_functions": (
        "azure_storage",
        {"azure_storage": AZURE, "azure_functions": {"resource_group": "g", "region": "westeurope"}},
    ),
    "azure_containers": (
        "azure_storage",
        {"azure_storage": AZURE, "azure_containers": {"resource_group": "g", "region": "westeurope"}},
    ),
    "azure_vms": (
        "azure_storage",
        {
            "azure_storage": AZURE,
            "azure_vms": {"resource_group": "g", "subscription_id": "s", "region": "westeurope"},
        },
    ),
    "code_engine": ("ibm_cos", {"ibm": IBM, "ibm_cos": COS}),
    "ibm_cf": ("ibm_cos", {"ibm": IBM, "ibm_cos": COS}),
    "ibm_vpc": ("ibm_cos", {"ibm": IBM, "ibm_cos": COS}),
    "openwhisk": ("minio", {**MINIO, "openwhisk": {"endpoint": "e", "namespace": "n", "api_key": "k"}}),
    "aliyun_fc": ("aliyun_oss", {"aliyun": ALIYUN, "aliyun_fc": {"role_arn": "arn"}}),
    "oracle_f": ("oracle_oss", {"oracle": ORACLE, "oracle_f": {"subnet_id": "s"}}),
    "k8s": ("minio", MINIO),
    "knative": ("minio", MINIO),
    "singularity": ("minio", {**MINIO, "rabbitmq": {"amqp_url": "amqp://u:p@127.0.0.1"}}),
    "vm": ("minio", {**MINIO, "vm": {"ip_address": "127.0.0.1", "ssh_username": "u"}}),
}
#: The same for each storage, with functions on localhost.
STORAGE: dict[str, dict[str, dict[str, Any]]] = {
    "localhost": {},
    "aws_s3": {"aws": AWS},
    "azure_storage": {"azure_storage": AZURE},
    "gcp_storage": {"gcp": {"region": "europe-west1"}},
    "ibm_cos": {"ibm_cos": {"region": "eu-de", **COS}},
    "minio": MINIO,
    "ceph": {"ceph": S3},
    "redis": {"redis": {"host": "127.0.0.1"}},
    "swift": {
        "swift": {
            **{"auth_url": "a", "user_id": "u", "project_id": "p", "password": "pw", "region": "r"},
            "storage_bucket": "b",
        },
    },
    "infinispan": {"infinispan": {"endpoint": "http://h", "username": "u", "password": "pw"}},
    "aliyun_oss": {"aliyun": ALIYUN},
    "oracle_oss": {"oracle": ORACLE},
}


def backend_config(backend: str) -> dict[str, dict[str, Any]]:
    storage, sections = COMPUTE[backend]
    return {"lithops": {"backend": backend, "storage": storage}, **copy.deepcopy(sections)}


def storage_config(storage: str) -> dict[str, dict[str, Any]]:
    return {"lithops": {"backend": "localhost", "storage": storage}, **copy.deepcopy(STORAGE[storage])}


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets Lithops's own config.py of every backend run as if the library of its cloud were installed.

    Only the __init__.py of the backends' packages, which import these libraries, are left out.
    """
    import lithops
    from lithops.constants import SERVERLESS_BACKENDS, STANDALONE_BACKENDS

    kinds = [("serverless", name) for name in SERVERLESS_BACKENDS]
    kinds += [("standalone", name) for name in STANDALONE_BACKENDS]
    kinds += [("storage", name) for name in storage_backends() if name != "localhost"]
    for kind, name in kinds:
        package = ModuleType(f"lithops.{kind}.backends.{name}")
        package.__path__ = [str(Path(lithops.__file__).parent / kind / "backends" / name)]
        monkeypatch.setitem(sys.modules, package.__name__, package)
        monkeypatch.delitem(sys.modules, f"{package.__name__}.config", raising=False)


@pytest.fixture
def no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the libraries of all clouds missing, whatever is installed."""
    for name in [name for name in sys.modules if name.startswith("lithops.") and ".backends." in name]:
        if "localhost" not in name:
            monkeypatch.delitem(sys.modules, name)
    for name in ("boto3", "botocore", "ibm_boto3", "ibm_botocore", "ibm_cloud_sdk_core", "ibm_vpc"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("kubernetes", "httplib2", "google.api_core", "azure", "oci", "oss2", "redis"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "alibabacloud_fc20230330", None)
