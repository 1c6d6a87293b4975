"""What only machines do: they refuse a login, and have a queue of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.config.secrets import secret_values
from lithops_provider.jobs.errors import LithopsJobError
from tests.backends.backends import Servers
from tests.backends.conftest import Connected, add_connection, backend_params, connect
from tests.backends.functions import add
from tests.backends.machine import make_key
from tests.backends.test_backends import done

pytestmark = pytest.mark.more_backends


@pytest.fixture(scope="module", params=backend_params(["aws_ec2", "vm"]))
def connected(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect(request.param, servers, patch)


def test_a_login_that_is_refused_is_a_clear_error_at_once(
    connected: Connected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = str(make_key(tmp_path / "other_key"))
    settings = {**connected.extra[connected.name], "ssh_key_filename": other}
    add_connection(monkeypatch, "lithops_other", {**connected.extra, connected.name: settings})
    with pytest.raises(LithopsJobError, match=f"{connected.name} refused the credentials") as caught:
        done(connected.client("lithops_other"), "map", bind_items(add, [1]))

    assert other in str(caught.value)
    assert not [secret for secret in secret_values(connected.extra) if secret in str(caught.value)]


def test_a_job_of_more_calls_than_processes_is_done(connected: Connected) -> None:
    run = done(connected.client(), "map", bind_items(add, range(10, 16)), batch_size=1)

    assert run.results() == list(range(11, 17))
    assert run.job.rounds[0].calls == 6
