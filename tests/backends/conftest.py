"""Real servers for the tests of this folder: installed if need be, started once, and ended with the session."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.client import LithopsClient
from tests.backends.backends import BACKENDS, Backend, Extra, Servers
from tests.conftest import ROOT
from tests.jobs.conftest import _no_runner_is_left  # noqa: F401 - a fixture

CONN_ID = "lithops_servers"


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Begins to start all that the session's tests need: together they need no longer than the slowest of them."""
    running = Servers(ROOT / "servers")
    wanted = {item.callspec.params.get("connected") for item in request.session.items if hasattr(item, "callspec")}
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():  # what is installed is no secret
            for name, backend in BACKENDS.items():
                if name in wanted:
                    for kind in backend.needs:
                        running.begin(kind)
        yield running
    finally:
        running.stop()


@dataclass(frozen=True)
class Connected:
    """
    A backend with the connection `CONN_ID` to it.

    :param name: the backend's
    :param backend: what it is
    :param extra: the connection's
    """

    name: str
    backend: Backend
    extra: Extra
    clients: list[LithopsClient] = field(default_factory=list)

    def client(self, conn_id: str = CONN_ID) -> LithopsClient:
        """Return what an operator gets for a connection."""
        client = LithopsHook(conn_id).get_client()
        self.clients.append(client)
        return client

    def close(self) -> None:
        """Close what Lithops leaves to the end of the process: a connection to the broker."""
        for client in self.clients:
            backend = getattr(client.compute.handler, "backend", None) if "compute" in vars(client) else None
            if hasattr(backend, "connection"):
                backend.connection.close()


def with_wrong_keys(connected: Connected) -> Extra:
    """Returns the connection's extra with credentials that the storage refuses."""
    wrong = connected.backend.wrong
    if wrong is None:
        pytest.skip(f"the server of {connected.name} takes any credentials")
    return {**connected.extra, **{name: {**connected.extra[name], **wrong[name]} for name in wrong}}


def add_connection(patch: pytest.MonkeyPatch, conn_id: str, extra: Extra) -> None:
    patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps({"conn_type": "lithops", "extra": extra}))


def connect(name: str, servers: Servers, patch: pytest.MonkeyPatch) -> Connected:
    """Returns a backend, with a connection to it until the patch is undone."""
    backend = BACKENDS[name]
    extra: Extra = {"lithops": {**backend.uses, "monitoring_interval": 0.1}, **backend.sections(servers)}
    add_connection(patch, CONN_ID, extra)
    for key, value in backend.env(servers).items():
        patch.setenv(key, value)
    backend.prepare(servers, patch)
    return Connected(name, backend, extra)


def backend_params(names: Iterable[str]) -> list[Any]:
    """Returns backends as parameters of tests, with the mark of those that `make test` leaves out."""
    marks = {True: [pytest.mark.more_backends], False: []}
    return [pytest.param(name, marks=marks[BACKENDS[name].more]) for name in names]


#: The queue makes no difference to what jobs do: one of those that Lithops's functions report to will do.
WHOLE_SET = backend_params(name for name in BACKENDS if name != "rabbitmq")


@pytest.fixture(scope="module", params=WHOLE_SET)
def connected(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Connected]:
    """Each backend in turn."""
    with pytest.MonkeyPatch.context() as patch:
        found = connect(request.param, servers, patch)
        yield found
        found.close()


@pytest.fixture
def client(connected: Connected) -> Any:
    return connected.client()
