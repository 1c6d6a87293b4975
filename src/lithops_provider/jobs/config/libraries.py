"""
Says what installs the libraries of a backend, for the errors about one that is missing. `LithopsClient`, complete.py
and `inputs/objects.py` call it when an import has failed.
"""

from __future__ import annotations

#: The extra of Lithops that installs the libraries of a backend, by the backend (package metadata of Lithops 3.8.0).
_EXTRAS = {
    **dict.fromkeys(("aws_lambda", "aws_batch", "aws_ec2", "aws_s3", "aws_sqs"), "aws"),
    **dict.fromkeys(("ibm_cf", "code_engine", "ibm_vpc", "ibm_cos"), "ibm"),
    **dict.fromkeys(("gcp_functions", "gcp_cloudrun", "gcp_compute_engine"), "gcp"),
    **dict.fromkeys(("gcp_storage", "gcp_pubsub"), "gcp"),
    **dict.fromkeys(("azure_functions", "azure_containers", "azure_vms"), "azure"),
    **dict.fromkeys(("azure_storage", "azure_queue"), "azure"),
    **dict.fromkeys(("aliyun_fc", "aliyun_oss"), "aliyun"),
    **dict.fromkeys(("oracle_f", "oracle_oss"), "oracle"),
    "k8s": "kubernetes",
    "knative": "knative",
    "minio": "minio",
    "ceph": "ceph",
    "redis": "redis",
}

#: The extras that this package has, too, under the same names (its pyproject.toml).
_OURS = frozenset({"aws", "azure", "gcp", "ibm", "kubernetes", "oracle"})


def missing_library(part: str, backend: str, error: ImportError) -> str:
    """
    Returns in words that a library is missing, and what installs it.

    :param part: words for what needs it
    :param backend: Lithops's name of the backend, compute or storage
    :param error: what importing the library has raised
    """
    extra = _EXTRAS.get(backend)
    if extra is None:
        wanted = f"install what provides {error.name!r}"
    else:
        wanted = f"pip install '{'airflow-provider-lithops' if extra in _OURS else 'lithops'}[{extra}]'"
    return f"{part} needs the module {error.name!r}: {wanted}"
