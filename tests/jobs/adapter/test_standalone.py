"""What is different with Lithops's standalone backends, by which functions run on machines."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import AuthenticationException

from lithops_provider.jobs.adapter.compute import Compute
from lithops_provider.jobs.adapter.refusals import explain_refusals
from lithops_provider.jobs.adapter.workarounds import vm
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import SubmitError
from tests.jobs.lithops_configs import backend_config


@pytest.mark.parametrize(
    ("processes", "exec_mode", "workers", "calls"),
    [
        (4, "consume", 1, 4),
        ("AUTO", "consume", 1, 16),  # nobody knows how many; with a single call, they would be idle
        ("AUTO", "reuse", 100, 100),
    ],
)
def test_a_machine_gets_calls_for_processes_whose_number_is_not_known(
    processes: Any, exec_mode: str, workers: int, calls: int
) -> None:
    compute: Any = Compute.__new__(Compute)
    compute.backend, compute.mode = "aws_ec2", "standalone"
    compute.config = {
        "lithops": {"chunksize": 0},
        "aws_ec2": {"worker_processes": processes},
        "standalone": {"exec_mode": exec_mode},
    }
    compute.invoker = SimpleNamespace(max_workers=workers)

    assert compute.capacity() == calls


@pytest.fixture
def mended_for_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has Lithops's backend ``vm`` be as it comes, both before the test and after it."""
    import lithops.standalone.standalone as standalone
    from lithops.standalone.backends.vm import vm as module

    monkeypatch.setattr(module, vm._MENDED, False, raising=False)
    monkeypatch.delattr(module, vm._MENDED)
    monkeypatch.setattr(standalone, "create_handler_zip", standalone.create_handler_zip)
    monkeypatch.setattr(module.VMInstance, "__init__", module.VMInstance.__init__)
    for name in ("get_instance", "cache_dir"):
        monkeypatch.setattr(module.VMBackend, name, None, raising=False)


@pytest.mark.usefixtures("mended_for_this_test")
def test_a_machine_of_ones_own_is_opened_mended_and_says_at_once_that_it_refuses_the_login(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lithops.standalone.backends.vm.config import load_config
    from lithops.util.ssh_client import SSHClient

    def create_client(self: Any, timeout: int = 2) -> None:
        raise AuthenticationException("denied")

    monkeypatch.setattr(SSHClient, "create_client", create_client)
    config = copy.deepcopy(client.config)
    config["lithops"].update(backend="vm", mode="standalone")  # the storage has no part in it
    config = vm.with_vm_defaults({**config, "vm": backend_config("vm")["vm"]})
    load_config(config)
    compute = Compute(config, client._internal_storage)

    backend = compute.handler.backend
    assert (compute.is_faas, backend.master.home_dir, backend.cache_dir[-3:]) == (False, "/home/u", "/vm")
    with pytest.raises(SubmitError, match=r"vm refused the credentials.*127\.0\.0\.1 as 'u'"), explain_refusals("vm"):
        backend.master.get_ssh_client().run_remote_command("id")
