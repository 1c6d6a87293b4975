"""Requirements on AWS Lambda: the real uv makes a layer, of which an emulator gives functions what they import."""

from __future__ import annotations

import inspect
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.cli import runtimes
from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.adapter.runtimes import layers, uv
from lithops_provider.jobs.adapter.runtimes.requirements import use_requirements
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import UnfitRuntimeError
from tests.backends import aws_lambda
from tests.backends.backends import Servers
from tests.backends.conftest import CONN_ID, Connected, add_connection, connect
from tests.backends.ministack import Ministack
from tests.backends.test_backends import done
from tests.cli.test_runtimes import arguments
from tests.conftest import CALLERS_ENV
from tests.jobs.adapter.runtimes.wheels import build

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="layers are made for x86_64, where functions run then"),
]


@pytest.fixture(scope="module")
def connected(servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        # With the caller's network: what Lithops needs in a layer comes from a package index.
        patch.setattr(uv, "os", SimpleNamespace(environ=CALLERS_ENV))
        yield connect("aws_lambda", servers, patch)


def client_with(*requirements: str) -> LithopsClient:
    """Returns what a task with requirements gets."""
    config = LithopsHook(CONN_ID).get_config()
    use_requirements(config, requirements)
    return LithopsClient(config)


def ask(x: int) -> tuple[int, str]:
    import tiny_thing

    return tiny_thing.ANSWER + x, tiny_thing.__file__


def results(client: LithopsClient) -> list[Any]:
    return done(client, "map", bind_items(ask, [1])).results()


def versions(server: Ministack, client: LithopsClient) -> list[Any]:
    """Returns the versions of a client's layer."""
    name = client.compute.handler.backend._format_layer_name(client.compute.runtime)
    found: list[Any] = server.client("lambda").list_layer_versions(LayerName=name)["LayerVersions"]
    return found


def test_functions_find_what_is_required(
    connected: Connected,
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = (client_with(build(tmp_path, f"{number}.0", 40 + number)) for number in (1, 2))
    ((answer, file),) = results(first)
    assert answer == 42
    assert file.endswith("/python/tiny_thing.py")
    assert results(second)[0][0] == 43
    assert results(client_with(build(tmp_path, "1.0", 41)))[0][0] == 42
    assert len(versions(servers.get(Ministack), first)) == 1  # it was kept
    with pytest.raises(UnfitRuntimeError, match="tiny_thing is not in the runtime 'default-runtime-v"):
        done(connected.client(), "map", bind_items(ask, [1]))

    monkeypatch.setattr(runtimes, "connect", lambda settings: connected.client())
    inspect.unwrap(runtimes.list_)(arguments())
    names = {runtime["name"] for runtime in json.loads(capsys.readouterr().out)}
    assert {first.compute.runtime, second.compute.runtime} < names
    inspect.unwrap(runtimes.delete_)(arguments(runtime=first.compute.runtime))
    assert capsys.readouterr().out == "Deleted 1 runtime(s).\n"
    assert versions(servers.get(Ministack), first) == []
    assert len(versions(servers.get(Ministack), second)) == 1


def test_a_large_layer_goes_by_way_of_s3(
    connected: Connected, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_MOST_DIRECTLY", 100)
    server = servers.get(Ministack)
    bucket = "lithops-jobs-layers"
    server.client("s3").create_bucket(Bucket=bucket)
    uses = {**connected.extra["lithops"], "storage": "aws_s3"}
    extra = {"lithops": uses, "aws_s3": {"storage_bucket": bucket}, **aws_lambda.config(server)}
    add_connection(monkeypatch, CONN_ID, extra)

    assert results(client_with(build(tmp_path, "3.0", 43)))[0][0] == 44
    kept = server.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    assert [entry["Key"] for entry in kept if entry["Key"].startswith("lithops.runtimes/layers/")] == []
