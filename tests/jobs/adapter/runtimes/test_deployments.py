"""The runtimes that a backend lists, deploys and deletes; tests/backends tries real ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes.deployments import (
    build_runtime,
    delete_runtimes,
    deploy_runtime,
    list_runtimes,
)
from lithops_provider.jobs.errors import InvalidInputError


class Handler:
    """A serverless backend and what Lithops remembers of its runtimes."""

    def __init__(self) -> None:
        self.rows = [
            ("registry/one", 256, "3.8.0", "one-256"),
            ("registry/one", 512, "3.7.0", "one-512"),
            ("another-one", 256, "3.8.0", "another"),
        ]
        self.remembered: dict[str, Any] = {"registry/one/256/3.8.0": {}, "registry/one/512/3.7.0": {}}
        self.built: list[tuple[str, str | None, list[str]]] = []

    def list_runtimes(self, name: str) -> list[tuple[Any, ...]]:
        return [row for row in self.rows if name == "all"]

    def delete_runtime(self, name: str, memory: int, version: str) -> None:
        self.rows = [row for row in self.rows if row[:3] != (name, memory, version)]

    def build_runtime(self, name: str, file: str | None, extra_args: list[str]) -> None:
        self.built.append((name, file, extra_args))

    def deploy_runtime(self, name: str, memory: int, timeout: int) -> dict[str, Any]:
        return {"python_version": "3.12", "lithops_version": "3.8.0", "preinstalls": [["numpy", True]]}

    def get_runtime_key(self, name: str, memory: int, version: str) -> str:
        return f"{name}/{memory}/{version}"

    def put_runtime_meta(self, key: str, found: Any) -> None:
        self.remembered[key] = found

    def delete_runtime_meta(self, key: str) -> None:
        del self.remembered[key]


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def compute(handler: Handler) -> Any:
    info = {"runtime_memory": 256, "runtime_timeout": 60}
    return SimpleNamespace(
        mode="serverless",
        backend="cloud",
        runtime="registry/two",
        handler=handler,
        internal_storage=handler,
        invoker=SimpleNamespace(runtime_info=info),
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (None, ["one-256", "one-512", "another"]),
        ("one", ["one-256", "one-512"]),
        ("registry/one", ["one-256", "one-512"]),
        ("ne", []),
    ],
)
def test_a_name_is_whole_with_or_without_its_registry(compute: Any, name: str | None, found: list[str]) -> None:
    assert [runtime.worker for runtime in list_runtimes(compute, name)] == found


@pytest.mark.parametrize(
    ("chosen", "deleted", "remembered"),
    [
        ({}, ["one-256", "one-512"], []),
        ({"memory": 512}, ["one-512"], ["registry/one/256/3.8.0"]),
        ({"version": "3.8.0"}, ["one-256"], ["registry/one/512/3.7.0"]),
        ({"memory": 512, "version": "3.8.0"}, [], ["registry/one/256/3.8.0", "registry/one/512/3.7.0"]),
    ],
    ids=str,
)
def test_what_is_deleted_is_forgotten(
    compute: Any, handler: Handler, chosen: dict[str, Any], deleted: list[str], remembered: list[str]
) -> None:
    assert [runtime.worker for runtime in delete_runtimes(compute, "one", **chosen)] == deleted
    assert len(handler.rows) == 3 - len(deleted)
    assert sorted(handler.remembered) == remembered


def test_what_is_deployed_is_remembered_with_its_time(compute: Any, handler: Handler) -> None:
    from lithops import __version__

    found = deploy_runtime(compute, memory=1024, timeout=90)

    assert (found.python, found.modules) == ("3.12", {"numpy"})
    assert handler.remembered[f"registry/two/1024/{__version__}"]["runtime_timeout"] == 90
    deploy_runtime(compute)
    assert handler.remembered[f"registry/two/256/{__version__}"]["runtime_timeout"] == 60


def test_what_is_built_is_the_configured_runtime(compute: Any, handler: Handler) -> None:
    build_runtime(compute, "Dockerfile", ("--no-cache",))

    assert handler.built == [("registry/two", "Dockerfile", ["--no-cache"])]  # Lithops adds a list to the arguments


def test_a_backend_without_runtimes_is_refused(compute: Any) -> None:
    compute.mode = "localhost"

    with pytest.raises(InvalidInputError, match="has no runtimes to look after: functions run in 'registry/two'"):
        list_runtimes(compute)
