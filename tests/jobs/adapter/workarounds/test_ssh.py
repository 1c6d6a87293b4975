"""A machine that refuses the login."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import AuthenticationException

from lithops_provider.jobs.adapter.refusals import explain_refusals
from lithops_provider.jobs.adapter.workarounds.ssh import say_refusals
from lithops_provider.jobs.errors import SubmitError
from tests.jobs.adapter.workarounds.sources import source_of


def handler_of(exec_mode: str) -> Any:
    from lithops.util.ssh_client import SSHClient

    client = SSHClient("10.0.0.9", {"username": "somebody", "password": "s3cret-of-somebody"})
    machine = SimpleNamespace(get_ssh_client=lambda: client)
    return SimpleNamespace(config={"exec_mode": exec_mode}, backend=SimpleNamespace(master=machine))


def raising(error: Exception, patch: pytest.MonkeyPatch) -> None:
    from lithops.util.ssh_client import SSHClient

    def create_client(self: Any, timeout: int = 2) -> None:
        raise error

    patch.setattr(SSHClient, "create_client", create_client)


@pytest.mark.parametrize("error", [AuthenticationException("denied"), FileNotFoundError("no such key")])
def test_a_refused_login_is_a_clear_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(error, monkeypatch)
    handler = handler_of("consume")
    say_refusals(handler)

    for _ in range(2):
        said = r"vm refused the credentials.*10\.0\.0\.9 as 'somebody'"
        with pytest.raises(SubmitError, match=said) as caught, explain_refusals("vm"):
            handler.backend.master.get_ssh_client().run_remote_command("id")
        assert str(error) in str(caught.value)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("exec_mode", "error"),
    [("consume", ConnectionRefusedError("it is starting")), ("reuse", AuthenticationException("it has no keys yet"))],
)
def test_a_machine_that_is_starting_is_asked_again(
    exec_mode: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(error, monkeypatch)
    handler = handler_of(exec_mode)
    say_refusals(handler)

    with pytest.raises(type(error)):  # which Lithops takes as such
        handler.backend.master.get_ssh_client().run_remote_command("id")


@pytest.mark.parametrize("backend", ["vm.vm", "aws_ec2.aws_ec2"])
def test_lithops_still_takes_other_errors_for_those_of_a_starting_machine(backend: str) -> None:
    """When this fails, see whether a release says what is wrong, so that workarounds/ssh.py can go."""
    source = source_of(f"lithops.standalone.backends.{backend}")
    (asked,) = [part for part in source.split("    def ") if part.startswith("is_ready(self)")]

    assert "except LithopsValidationError" in asked
    assert "except Exception" in asked
    assert "self._ensure_client()" in source_of("lithops.util.ssh_client")
    assert "self.create_client()" in source_of("lithops.util.ssh_client")
