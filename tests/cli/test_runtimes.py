"""The commands for runtimes on localhost, which has none of its own; tests/backends tries them elsewhere."""

from __future__ import annotations

import inspect
import json
import sys
from argparse import Namespace
from typing import Any

import pytest

from lithops_provider.cli import runtimes
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from tests.jobs.conftest import client, faas

__all__ = ["client", "faas"]  # fixtures


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
    for change in (runtimes.build_, runtimes.deploy_, runtimes.delete_):  # without the entry in Airflow's audit log
        with pytest.raises(InvalidInputError, match="the backend 'localhost' has no runtimes to look after"):
            inspect.unwrap(change)(arguments(runtime="some", file=None, option=None))
