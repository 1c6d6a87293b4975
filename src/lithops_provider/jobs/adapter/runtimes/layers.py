"""
Makes layers for AWS Lambda with what functions require. requirements.py names a runtime in the configuration that is
Lithops's default one with requirements. compute.py calls `use_layer`, so that Lithops's backend deploys that runtime as
it does its default, with a layer that is made here.

Lithops makes the layer of its default runtime by a function in the cloud, which needs a way to PyPI, has two minutes,
and can't be told what to install. `uv` does it on the worker, with the worker's settings for package indexes.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lithops_provider.jobs.adapter.runtimes.uv import run_uv
from lithops_provider.jobs.errors import InvalidInputError

logger = logging.getLogger(__name__)

#: The key of the backend's section with what its runtime requires.
REQUIREMENTS = "requirements"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
#: The C library that wheels have to run with: that of Amazon Linux 2 up to Python 3.11, and of Amazon Linux 2023.
_PLATFORM = "x86_64-manylinux_2_17" if sys.version_info < (3, 12) else "x86_64-manylinux_2_34"
#: Bytes that AWS takes of all files of a function and its layers, and of an archive that isn't in S3.
_MOST_FILES = 262_144_000
_MOST_DIRECTLY = 50 * 1024**2
_MB = 1024**2
#: Of the object that a large archive is until there is a layer of it: where a worker may write, see
#: docs/guides/aws-in-production.md.
_PREFIX = "lithops.runtimes/layers"
#: The modes of files in a layer: functions run as a user whom the worker's modes may keep out.
_MODE, _EXECUTABLE = 0o100644 << 16, 0o100755 << 16


def default_runtime() -> str:
    """Returns what Lithops calls the default runtime of this Python."""
    return f"default-runtime-v{_PYTHON.replace('.', '')}"


def runtime_with(requirements: Sequence[str]) -> str:
    """
    Returns the name of the default runtime with requirements. By the first part of it, Lithops tells such a runtime
    from a container's when it deletes one: its layer goes, too.

    :param requirements: as `pip` takes them
    """
    digest = hashlib.sha256(json.dumps(sorted(requirements)).encode()).hexdigest()
    return f"{default_runtime()}-{digest[:16]}"


def use_layer(backend: Any) -> None:
    """
    Has a backend deploy its runtime as the default one with requirements, if its configuration has any.

    :param backend: Lithops's backend of AWS Lambda
    """
    requirements = backend.lambda_config.get(REQUIREMENTS)
    if requirements:
        runtime = backend.lambda_config["runtime"]
        backend._get_default_runtime_name = lambda: runtime
        backend._get_layer = functools.partial(_find_layer, backend)
        backend._create_layer = functools.partial(_create_layer, backend, requirements)


def _find_layer(backend: Any, runtime_name: str) -> str | None:
    """Returns the newest layer of a runtime. Lithops looks for it among the first fifty layers of the account."""
    client = backend.lambda_client
    try:
        versions = client.list_layer_versions(LayerName=backend._format_layer_name(runtime_name))["LayerVersions"]
    except client.exceptions.ResourceNotFoundException:
        return None
    return str(versions[0]["LayerVersionArn"]) if versions else None


def _create_layer(backend: Any, requirements: Sequence[str], runtime_name: str) -> str:
    """Makes a layer with requirements and with what Lithops needs, and returns its ARN."""
    from lithops import __version__

    lithops_config = sys.modules[type(backend).__module__].config
    logger.info("Making a layer of AWS Lambda with %s", ", ".join(requirements))
    with tempfile.TemporaryDirectory(prefix="lithops-layer-") as made:
        packages, archive = Path(made, "packages"), Path(made, "layer.zip")
        _install(packages, [*lithops_config.DEFAULT_REQUIREMENTS, *requirements])
        _check_size(packages, requirements)
        _write(packages, archive)
        with _content(backend, archive) as content:
            answer = backend.lambda_client.publish_layer_version(
                LayerName=backend._format_layer_name(runtime_name),
                Description=f"Lithops layer for v{__version__} and Python v{_PYTHON}, with requirements",
                Content=content,
                CompatibleRuntimes=[lithops_config.AVAILABLE_PY_RUNTIMES[_PYTHON]],
            )
    return str(answer["LayerVersionArn"])


def _install(packages: Path, requirements: Sequence[str]) -> None:
    """Installs what AWS Lambda can run: only wheels, since what is built here is for this machine."""
    run_uv(
        *("pip", "install", "--quiet", "--python", sys.executable, "--target", str(packages)),
        *("--python-version", _PYTHON, "--python-platform", _PLATFORM, "--only-binary", ":all:"),
        *("--", *requirements),
    )


def _files(packages: Path) -> Iterator[Path]:
    return (path for path in sorted(packages.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _check_size(packages: Path, requirements: Sequence[str]) -> None:
    size = sum(path.stat().st_size for path in _files(packages))
    if size > _MOST_FILES:
        raise InvalidInputError(
            f"requirements={list(requirements)!r} are {size / _MB:.0f} MB with what they need in turn, and AWS Lambda "
            f"takes {_MOST_FILES / _MB:.0f} MB in layers: build a runtime with a container image, `airflow lithops "
            "runtimes build NAME -f Dockerfile`, and give runtime=NAME instead of requirements"
        )


def _write(packages: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as layer:
        for path in _files(packages):
            entry = zipfile.ZipInfo(f"python/{path.relative_to(packages).as_posix()}")
            entry.external_attr = _EXECUTABLE if os.access(path, os.X_OK) else _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            layer.writestr(entry, path.read_bytes())


@contextlib.contextmanager
def _content(backend: Any, archive: Path) -> Iterator[dict[str, Any]]:
    """Gives what AWS is to make a layer of: the archive itself or, if it is large, an object for as long as needed."""
    size = archive.stat().st_size
    if size <= _MOST_DIRECTLY:
        yield {"ZipFile": archive.read_bytes()}
        return
    internal = backend.internal_storage
    if internal.backend != "aws_s3":
        raise InvalidInputError(
            f"the layer with the requirements is {size / _MB:.0f} MB, and AWS takes more than "
            f"{_MOST_DIRECTLY / _MB:.0f} MB only by way of S3, while this job's storage is {internal.backend}: use the "
            "storage aws_s3, or a runtime with a container image"
        )
    key = f"{_PREFIX}/{uuid.uuid4().hex}.zip"
    with archive.open("rb") as file:
        internal.storage.put_object(internal.bucket, key, file)
    try:
        yield {"S3Bucket": internal.bucket, "S3Key": key}
    finally:
        internal.storage.delete_object(internal.bucket, key)
