"""What OpenWhisk refuses, on its stand-in: credentials, a runtime that is gone, too many activations at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import SubmitError
from tests.backends.backends import Servers
from tests.backends.conftest import CONN_ID, Connected, add_connection, connect
from tests.backends.functions import add
from tests.backends.test_backends import done


@pytest.fixture(scope="module")
def openwhisk(servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect("openwhisk", servers, patch)


def test_what_is_refused(openwhisk: Connected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One test, since each job takes seconds: the runtime is deployed, lost, deployed anew, and busy."""
    # A task deploys wherever its process is: Lithops would make its archive there.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lithops_openwhisk.zip").mkdir()
    client = openwhisk.client()
    assert done(client, "map", bind_items(add, [1])).results() == [2]

    backend = client.compute.handler.backend
    settings = {**openwhisk.extra["openwhisk"], "api_key": backend.api_key[:-4] + "else"}
    add_connection(monkeypatch, "lithops_wrong", {**openwhisk.extra, "openwhisk": settings})
    with pytest.raises(SubmitError, match="openwhisk refused the credentials with status 401") as refused:
        done(openwhisk.client("lithops_wrong"), "map", bind_items(add, [1]))
    assert settings["api_key"] not in str(refused.value)

    backend.delete_runtime(client.compute.runtime, client.config["openwhisk"]["runtime_memory"])
    with pytest.raises(SubmitError, match="isn't deployed on openwhisk any more"):
        done(client, "map", bind_items(add, [1]))

    many = list(range(10, 16))  # more calls than the service runs at once
    assert done(openwhisk.client(CONN_ID), "map", bind_items(add, many), batch_size=1).results() == [
        x + 1 for x in many
    ]
