"""Layers of AWS Lambda: made by the real uv of a package that is built here; tests/backends has functions use them."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes import layers
from lithops_provider.jobs.adapter.runtimes.layers import REQUIREMENTS, default_runtime, runtime_with, use_layer
from lithops_provider.jobs.errors import InvalidInputError, SubmitError
from tests.jobs.adapter.runtimes.wheels import build
from tests.jobs.adapter.workarounds.sources import source_of

#: As the module of Lithops's backend has it; nothing, so that no package index is needed.
config = SimpleNamespace(
    DEFAULT_REQUIREMENTS=[],
    AVAILABLE_PY_RUNTIMES={f"3.{sys.version_info.minor}": f"python3.{sys.version_info.minor}"},
)


class _MissingError(Exception):
    pass


class Storage:
    """AWS S3's, as Lithops calls it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, bucket: str, key: str, body: Any) -> None:
        self.objects[key] = body.read()

    def delete_object(self, bucket: str, key: str) -> None:
        del self.objects[key]


class Client:
    """AWS Lambda's, with the layers that were published."""

    exceptions = SimpleNamespace(ResourceNotFoundException=_MissingError)

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.published: list[dict[str, Any]] = []

    def list_layer_versions(self, **wanted: Any) -> dict[str, Any]:
        names = [layer["LayerName"] for layer in self.published]
        if wanted["LayerName"] not in names:
            raise _MissingError
        return {"LayerVersions": [{"LayerVersionArn": f"arn:{wanted['LayerName']}:{len(names)}"}]}

    def publish_layer_version(self, **layer: Any) -> dict[str, Any]:
        self.published.append(layer)
        if "S3Key" in layer["Content"]:
            assert layer["Content"]["S3Bucket"] == "a-bucket"
            layer["Content"] = {"ZipFile": self.storage.objects[layer["Content"]["S3Key"]]}
        return {"LayerVersionArn": f"arn:{layer['LayerName']}:{len(self.published)}"}


class Backend:
    """What is used of Lithops's."""

    def __init__(self, requirements: list[str], storage: str = "minio") -> None:
        self.lambda_config = {"runtime": runtime_with(requirements), REQUIREMENTS: requirements}
        self.internal_storage = SimpleNamespace(backend=storage, bucket="a-bucket", storage=Storage())
        self.lambda_client = Client(self.internal_storage.storage)
        use_layer(self)

    def _format_layer_name(self, runtime_name: str) -> str:
        return f"lithops_{runtime_name}_layer"

    def _get_layer(self, runtime_name: str) -> str | None:
        raise AssertionError("that of the default runtime")

    _create_layer = _get_layer

    def _get_default_runtime_name(self) -> str:
        return default_runtime()


@pytest.fixture
def closed_to_others() -> Iterator[None]:
    """A worker whose files only its user can read."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("closed_to_others")
def test_a_layer_has_what_is_required_where_functions_find_and_may_read_it(tmp_path: Path) -> None:
    backend = Backend([build(tmp_path, "1.0", 40)])
    runtime = backend._get_default_runtime_name()
    assert backend._get_layer(runtime) is None
    arn = backend._create_layer(runtime)

    (layer,) = backend.lambda_client.published
    assert arn == backend._get_layer(runtime) == f"arn:lithops_{runtime}_layer:1"
    assert runtime == backend.lambda_config["runtime"]
    assert layer["CompatibleRuntimes"] == [f"python3.{sys.version_info.minor}"]
    with zipfile.ZipFile(io.BytesIO(layer["Content"]["ZipFile"])) as archive:
        assert archive.read("python/tiny_thing.py") == b"ANSWER = 40\n"
        assert {entry.external_attr >> 16 & 0o444 for entry in archive.infolist()} == {0o444}


def test_what_lithops_needs_is_in_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DEFAULT_REQUIREMENTS", [build(tmp_path, "1.0", 40)])
    backend = Backend(["tiny-thing==1.0"])
    backend._create_layer("runtime")
    assert backend.lambda_client.published

    conflicting = Backend(["tiny-thing==2.0"])
    with pytest.raises(SubmitError, match=r"(?s)could not be installed: .*tiny-thing"):
        conflicting._create_layer("runtime")
    assert not conflicting.lambda_client.published


def test_only_wheels_are_taken_for_what_is_built_here_may_not_run_there(tmp_path: Path) -> None:
    source = tmp_path / "tiny-source"
    source.mkdir()
    (source / "pyproject.toml").write_text('[project]\nname = "tiny-source"\nversion = "1"\n')
    backend = Backend([f"tiny-source @ {source.as_uri()}"])
    with pytest.raises(SubmitError, match=r"(?s)requirements could not be installed: .*tiny-source"):
        backend._create_layer("runtime")


def test_a_large_layer_goes_by_way_of_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_MOST_DIRECTLY", 100)
    requirement = build(tmp_path, "1.0", 40)
    elsewhere = Backend([requirement])
    with pytest.raises(InvalidInputError, match=r"only by way of S3, while this job's storage is minio: use .* aws_s3"):
        elsewhere._create_layer("runtime")

    backend = Backend([requirement], storage="aws_s3")
    backend._create_layer("runtime")

    (layer,) = backend.lambda_client.published
    assert zipfile.is_zipfile(io.BytesIO(layer["Content"]["ZipFile"]))  # of which the archive was there
    assert backend.internal_storage.storage.objects == {}


def test_more_than_aws_takes_is_an_error_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_MOST_FILES", 10)
    backend = Backend([build(tmp_path, "1.0", 40)])
    with pytest.raises(InvalidInputError, match=r"are 0 MB with what they need.*AWS Lambda takes 0 MB.*-f Dockerfile"):
        backend._create_layer("runtime")
    assert not backend.lambda_client.published


def test_without_requirements_lithops_is_left_alone() -> None:
    backend = SimpleNamespace(lambda_config={"runtime": default_runtime()})
    use_layer(backend)
    assert set(vars(backend)) == {"lambda_config"}


def test_lithops_asks_for_its_layer_as_we_answer() -> None:
    """When this fails, a release deploys its default runtime in another way: see what it is now."""
    source = source_of("lithops.serverless.backends.aws_lambda.aws_lambda")
    for part in (
        "py_version = utils.CURRENT_PY_VERSION.replace('.', '')\n        return f'default-runtime-v{py_version}'",
        "return 'default-runtime-v' not in name",
        "if runtime_name == self._get_default_runtime_name():\n            self._deploy_default_runtime(",
        "layer_arn = self._get_layer(runtime_name)",
        "if not layer_arn:\n            layer_arn = self._create_layer(runtime_name)",
        "self.lambda_config = lambda_config",
        "self.lambda_client = ",
        "def _format_layer_name(self, runtime_name",
    ):
        assert part in source
    assert "Architectures" not in source[source.index("def _deploy_default_") : source.index("def _deploy_container_")]
