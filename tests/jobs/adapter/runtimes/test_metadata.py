"""What a runtime has, as Lithops remembers it and as the runtime itself says; and what is used of Lithops for that."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes.metadata import read_metadata, reread_metadata
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import compute_backends, resolve_config

_LITHOPS = importlib.util.find_spec("lithops")
assert _LITHOPS is not None
_BACKENDS = Path(str(_LITHOPS.origin)).parent / "serverless" / "backends"
_ASKED = "_generate_runtime_meta"


def methods(backend: str) -> dict[str, list[str]]:
    """Returns the parameters of the methods of a backend's class, by the source: its libraries need not be there."""
    found = {}
    for path in (_BACKENDS / backend).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "self":
                found[node.name] = [argument.arg for argument in node.args.args[1:]]
    return found


@pytest.mark.parametrize("backend", sorted(path.name for path in _BACKENDS.iterdir() if (path / "config.py").exists()))
def test_every_serverless_backend_can_be_asked_as_we_do(backend: str) -> None:
    assert backend in compute_backends()
    found = methods(backend)

    if backend == "aliyun_fc":
        assert found[_ASKED] == ["function_name", "max_attempts", "retry_sleep"]
        assert found["_format_function_name"][:2] == ["runtime_name", "runtime_memory"]
    else:
        name, *memory = found[_ASKED]
        assert name in ("runtime_name", "docker_image_name", "singularity_image_name")
        assert memory in ([], ["memory"], ["runtime_memory"])


def test_localhost_is_asked_and_remembered(client: LithopsClient) -> None:
    from lithops import __version__

    asked = reread_metadata(client.compute, None)

    assert read_metadata(client.compute, None) == asked
    assert (asked.name, asked.backend, asked.lithops) == (sys.executable, "localhost", __version__)
    assert asked.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert {"lithops", "cloudpickle"} <= asked.modules


def test_what_another_process_has_found_out_is_taken_from_the_storage(client: LithopsClient) -> None:
    compute = client.compute
    reread_metadata(compute, None)
    key = compute.handler.get_runtime_key(compute.runtime)
    remembered = compute.internal_storage.get_runtime_meta(key)
    compute.internal_storage.put_runtime_meta(key, {**remembered, "python_version": "3.9"})
    Path(compute.internal_storage._local_runtime_meta_path(key)).unlink()

    assert reread_metadata(compute, None).python == remembered["python_version"]
    assert read_metadata(LithopsClient(resolve_config()).compute, None).python == remembered["python_version"]


class Asked:
    """Serverless backends of Lithops, which note what they are asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def answer(self, *asked: Any) -> dict[str, Any]:
        self.asked += asked
        return {"python_version": "3.12", "lithops_version": "3.8.0", "preinstalls": [["numpy", True]]}


class ByName(Asked):
    def _generate_runtime_meta(self, runtime_name: str) -> dict[str, Any]:
        return self.answer(runtime_name)


class ByNameAndMemory(Asked):
    def _generate_runtime_meta(self, runtime_name: str, runtime_memory: int) -> dict[str, Any]:
        return self.answer(runtime_name, runtime_memory)


class Aliyun(Asked):
    def _format_function_name(self, runtime_name: str, runtime_memory: int) -> str:
        return f"{runtime_name}-{runtime_memory}"

    def _generate_runtime_meta(self, function_name: str, max_attempts: int, retry_sleep: int) -> dict[str, Any]:
        return self.answer(function_name, max_attempts, retry_sleep)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [(ByName, ["image"]), (ByNameAndMemory, ["image", 512]), (Aliyun, ["image-512", 3, 2])],
)
def test_a_serverless_backend_is_asked_for_what_it_takes_and_remembered(kind: type[Asked], asked: list[Any]) -> None:
    remembered: dict[str, Any] = {}
    backend = kind()
    compute: Any = SimpleNamespace(
        mode="serverless",
        backend="cloud",
        runtime="image",
        handler=SimpleNamespace(backend=backend, get_runtime_key=lambda name, memory, version: f"{name}/{memory}"),
        internal_storage=SimpleNamespace(put_runtime_meta=remembered.__setitem__),
        invoker=SimpleNamespace(runtime_info={"runtime_memory": 256, "runtime_timeout": 60}),
    )

    found = reread_metadata(compute, 512)

    assert backend.asked == asked
    assert (found.name, found.python, found.modules) == ("image", "3.12", {"numpy"})
    assert remembered["image/512"]["runtime_timeout"] == 60
