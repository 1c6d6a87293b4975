"""
What only a service in a cloud does, on each stand-in: it refuses credentials, and a call dies without a word, with all
of its processes.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lithops_provider.cli import runtimes
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.config.secrets import secret_values
from lithops_provider.jobs.errors import LithopsJobError
from lithops_provider.jobs.follow import follower
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.backends.backends import BACKENDS, Extra, Servers
from tests.backends.conftest import Connected, add_connection, backend_params, connect
from tests.backends.functions import add, die_once
from tests.backends.standin import StandIn
from tests.backends.test_backends import done
from tests.cli.test_runtimes import arguments
from tools.waiting import HANGS

pytestmark = pytest.mark.more_backends  # what make test needs of it is in test_openwhisk.py
STAND_INS = [name for name, backend in BACKENDS.items() if issubclass(backend.needs[0], StandIn)]


@pytest.fixture(scope="module", params=backend_params(STAND_INS))
def connected(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect(request.param, servers, patch)


@pytest.mark.parametrize("connected", backend_params([*STAND_INS, "aws_ec2", "vm"]), indirect=True, scope="module")
def test_the_items_of_a_call_that_dies_are_run_again(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who invokes a call without waiting for it learns nothing of its death, but that nothing more is heard of it. Its
    # items count as failed then, since they may still run.
    monkeypatch.setattr(follower, "START_GRACE", 60.0)
    bound = bind_items(die_once, [0, 1, 2], {"mark": f"marks/{uuid.uuid4().hex}"})
    spec = make_spec("map", *bound, Options(batch_size=3, timeout=5))
    run = JobRun(connected.client(), spec, item_retries=1)
    run.submit()
    run.finish()

    assert run.results() == [0, 1, 2]
    assert len(run.job.rounds) > 1
    assert run.failures() == []


def stand_in_of(connected: Connected, servers: Servers) -> StandIn:
    stand_in = servers.get(connected.backend.needs[0])
    assert isinstance(stand_in, StandIn)
    return stand_in


def with_other_credentials(connected: Connected, servers: Servers) -> Extra:
    """Returns a connection's extra with credentials that the stand-in doesn't know."""
    other = stand_in_of(connected, servers).other_credentials()
    return {**connected.extra, **{name: {**connected.extra[name], **other[name]} for name in other}}


def refusal_of(connected: Connected, servers: Servers, patch: pytest.MonkeyPatch, **options: Any) -> str:
    """Returns the error that a job with those credentials ends with."""
    extra = with_other_credentials(connected, servers)
    add_connection(patch, "lithops_other", extra)

    def run() -> None:
        done(connected.client("lithops_other"), "map", bind_items(add, range(10, 18)), **options)

    with ThreadPoolExecutor(1) as pool:  # a thread that waits for ever would keep this process from ending
        error = pool.submit(run).exception(HANGS)
    assert isinstance(error, LithopsJobError), repr(error)
    assert not [secret for secret in secret_values(extra) if secret in str(error)]
    return str(error)


def test_a_runtime_is_not_deployed_with_credentials_that_are_not_known(
    connected: Connected, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stand_in_of(connected, servers).anybody_deploys:
        pytest.skip("who deploys has credentials that are not in the configuration")
    memory = stand_in_of(connected, servers).other_memory
    error = refusal_of(connected, servers, monkeypatch, runtime_memory=memory)

    assert f"{connected.name} refused the credentials" in error


def test_calls_are_not_taken_with_credentials_that_are_not_known(
    connected: Connected, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stand_in_of(connected, servers).anybody_calls:
        pytest.skip("functions that are deployed are invoked without credentials")
    assert done(connected.client(), "map", bind_items(add, [1])).results() == [2]  # so that Lithops knows the runtime
    error = refusal_of(connected, servers, monkeypatch)

    assert f"{connected.name} refused the credentials" in error


def test_runtimes_are_deployed_listed_checked_and_deleted(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtimes, "connect", lambda settings: connected.client())

    def run(command: Any, **given: Any) -> str:
        inspect.unwrap(command)(arguments(**given))
        return capsys.readouterr().out

    assert f"Deployed the runtime {connected.client().compute.runtime}" in run(runtimes.deploy_)
    listed = json.loads(run(runtimes.list_))
    assert json.loads(run(runtimes.check_))["problems"] == []
    if connected.name == "k8s":  # which keeps no runtimes: each job names its image
        assert listed == []
        return
    assert {runtime["name"] for runtime in listed} == {listed[0]["name"]}
    assert run(runtimes.delete_, runtime=listed[0]["name"]) == f"Deleted {len(listed)} runtime(s).\n"
    assert json.loads(run(runtimes.list_)) == []
