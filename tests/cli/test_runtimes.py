"""The commands for runtimes, also on localhost, which has none of its own; tests/backends tries them elsewhere."""

from __future__ import annotations

import inspect
import json
import sys
from argparse import Namespace
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.cli import runtimes
from lithops_provider.connection import probe
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from tests.jobs.adapter.runtimes.test_deployments import Handler, compute, handler
from tests.jobs.conftest import client, faas

__all__ = ["client", "compute", "faas", "handler"]  # fixtures

# Without the notes in Airflow's audit log, which is in its database.
build, deploy, delete = map(inspect.unwrap, (runtimes.build_, runtimes.deploy_, runtimes.delete_))


@pytest.fixture
def localhost(monkeypatch: pytest.MonkeyPatch, client: LithopsClient) -> None:
    monkeypatch.setattr(runtimes, "connect", lambda settings: client)


def arguments(**given: Any) -> Namespace:
    fields = {"conn_id": "lithops_default", "runtime": None, "memory": None, "output": "json", "verbose": False}
    return Namespace(**{**fields, "wait": 120, "yes": True, "lithops_version": None, "timeout": None, **given})


@pytest.mark.usefixtures("localhost")
def test_a_call_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    runtimes.check_(arguments())

    found = json.loads(capsys.readouterr().out)
    assert found["backend"] == "localhost"
    assert found["python"] == sys.version.split()[0]
    assert found["packages"]["lithops"] == found["lithops"]
    assert found["storage"].startswith("functions read and write localhost://")
    assert found["problems"] == []


@pytest.mark.usefixtures("localhost")
def test_what_lithops_remembers_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    runtimes.show_(arguments())

    found = json.loads(capsys.readouterr().out)
    assert found["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert "lithops" in found["modules"]


@pytest.mark.usefixtures("localhost")
def test_localhost_has_no_runtimes_to_look_after() -> None:
    with pytest.raises(SystemExit, match="the backend 'localhost' has no runtimes to look after"):
        runtimes.list_(arguments(runtime="some"))
    for change in (build, deploy, delete):
        with pytest.raises(InvalidInputError, match="the backend 'localhost' has no runtimes to look after"):
            change(arguments(runtime="some", file=None, option=None))


@pytest.mark.usefixtures("localhost")
@pytest.mark.parametrize("problems", [[], ["it is \x1b[31mold", "and slow"]], ids=["good", "bad"])
@pytest.mark.parametrize("output", ["plain", "json"])
def test_a_call_that_finds_problems_ends_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problems: list[str], output: str
) -> None:
    monkeypatch.setattr(probe, "_problems", lambda found: problems)

    with pytest.raises(SystemExit, match=r"^it is \[31mold; and slow$") if problems else nullcontext():
        runtimes.check_(arguments(output=output))

    said = capsys.readouterr().out
    if output == "json":
        assert json.loads(said)["problems"] == problems
        return
    lines = dict(line.partition(" ")[::2] for line in said.splitlines())
    assert lines["backend"].strip() == "localhost"
    assert f"lithops {lines['lithops'].strip()}" in lines["packages"]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, compute: Any) -> None:
    """A backend with the runtimes of tests/jobs/adapter/runtimes/test_deployments.py."""
    client = SimpleNamespace(backend="cloud", compute=compute)
    monkeypatch.setattr(runtimes, "connect", lambda settings: client)


@pytest.mark.usefixtures("cloud")
def test_those_of_a_cloud_are_listed_and_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    def workers(runtime: str | None = None) -> list[str]:
        runtimes.list_(arguments(runtime=runtime))
        return [row["worker"] for row in json.loads(capsys.readouterr().out)]

    assert workers() == ["one-256", "one-512", "another"]
    assert workers("one") == ["one-256", "one-512"]

    delete(arguments(runtime="one", memory=512))

    assert capsys.readouterr().out == "Deleted 1 runtime(s).\n"
    assert workers() == ["one-256", "another"]


@pytest.mark.usefixtures("cloud")
def test_one_that_is_not_deployed_is_not_deleted() -> None:
    with pytest.raises(
        InvalidInputError, match=r"^no runtime 'two' is deployed on cloud; `airflow lithops runtimes list`"
    ):
        delete(arguments(runtime="two"))


@pytest.mark.usefixtures("cloud")
def test_one_is_built_and_deployed(handler: Handler, capsys: pytest.CaptureFixture[str]) -> None:
    build(arguments(runtime="registry/two", file="Dockerfile", option=["--no-cache"]))
    deploy(arguments(runtime="registry/two"))

    assert handler.built == [("registry/two", "Dockerfile", ["--no-cache"])]
    assert capsys.readouterr().out.splitlines() == [
        "Built the runtime registry/two of cloud.",
        "Deployed the runtime registry/two of cloud: Python 3.12, Lithops 3.8.0.",
    ]
