"""Lithops's backend `vm`: what it lacks, and that it has it, here and in what Lithops copies to the machine."""

from __future__ import annotations

import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.adapter.workarounds import vm
from lithops_provider.jobs.adapter.workarounds.vm import complete_classes, mend_vm, with_vm_defaults
from tests.jobs.adapter.workarounds.sources import source_of

CONFIG = {"ip_address": "10.0.0.9", "ssh_username": "somebody", "ssh_password": "s3cret-of-somebody"}


def load(path: Path) -> ModuleType:
    """Loads the backend's module from a file, beside the one that this process may have."""
    spec = importlib.util.spec_from_file_location("a_vm", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lithops's own, as it comes."""
    import lithops

    monkeypatch.setitem(sys.modules, "a_vm", None)
    return load(Path(lithops.__file__).parents[1] / vm._FILE)


def asked() -> tuple[set[str], set[str]]:
    """Returns what Lithops's standalone mode asks a machine and the backend for."""
    client, master, keeper = (source_of(f"lithops.standalone.{name}") for name in ("standalone", "master", "keeper"))
    of_machine = {
        *re.findall(r"self\.backend\.master\.(\w+)", client),
        *re.findall(r"\binst\.(\w+)", client),
        *re.findall(r"\b(?:worker|instance)\.(\w+)", master),
        *re.findall(r"self\.instance\.(\w+)", keeper),
    }
    of_backend = {"cache_dir", *re.findall(r"handler\.backend\.(\w+)", master + keeper)}
    assert "self.backend.cache_dir" in client
    return of_machine - {"validate_capabilities"}, of_backend  # of machines that are made


def lacking(module: Any) -> tuple[set[str], set[str]]:
    """Returns what of that there isn't."""
    backend = module.VMBackend(CONFIG, "consume")
    backend.init()
    of_machine, of_backend = asked()
    return (
        {name for name in of_machine if not hasattr(backend.master, name)},
        {name for name in of_backend if not hasattr(backend, name)},
    )


def test_lithops_still_lacks_it(module: Any) -> None:
    """When this fails, a release has mended something: see what of workarounds/vm.py is still needed."""
    assert lacking(module) == (
        {"name", "instance_id", "instance_type", "delete_on_dismantle", "home_dir", "ssh_credentials"},
        {"get_instance", "cache_dir"},
    )
    config = source_of("lithops.standalone.backends.vm.config")
    assert "'ssh_username'" in config
    assert "self.config.get('ssh_user', 'root')" in source_of("lithops.standalone.backends.vm.vm")
    assert "SA_DEFAULT_CONFIG_KEYS" not in config


def test_nothing_is_lacking_once_it_is_completed(module: Any) -> None:
    complete_classes(module)

    assert lacking(module) == (set(), set())
    backend = module.VMBackend(CONFIG, "consume")
    machine = backend.get_instance(name="a-name", instance_id=None, private_ip="10.0.0.8", lithops_version="3")
    assert (machine.name, machine.private_ip, machine.home_dir) == ("a-name", "10.0.0.8", "/home/somebody")
    assert machine.get_ssh_client().ssh_credentials["username"] == "somebody"
    assert machine.instance_id == machine.get_instance_id()
    assert "s3cret" not in str(machine.ssh_credentials)  # which go into the job


def test_what_lithops_copies_to_the_machine_is_completed_there(
    tmp_path: Path, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lithops.standalone.standalone as standalone
    from lithops.standalone.backends.vm import vm as own
    from lithops.utils import create_handler_zip

    for name in ("VMInstance", "VMBackend"):  # so that the process's own stay as they are
        monkeypatch.setattr(own, name, getattr(module, name))
    monkeypatch.setattr(own, vm._MENDED, False, raising=False)
    monkeypatch.delattr(own, vm._MENDED)
    monkeypatch.setattr(standalone, "create_handler_zip", create_handler_zip)
    archive = tmp_path / "lithops.zip"
    for _ in range(2):
        mend_vm("vm")
    standalone.create_handler_zip(str(archive), [str(Path(standalone.__file__).with_name("master.py"))])
    with zipfile.ZipFile(archive) as copied:
        names = copied.namelist()
        copied.extract(vm._FILE, tmp_path)

    assert lacking(load(tmp_path / vm._FILE)) == (set(), set())
    assert "master.py" in names
    assert len(names) == len(set(names))
    assert (tmp_path / vm._FILE).read_text().count("def complete_classes") == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["lithops.zip"]


def test_other_backends_are_left_alone() -> None:
    config = {"lithops": {"backend": "aws_ec2"}, "standalone": {"exec_mode": "reuse"}}
    assert with_vm_defaults(config) == config
    mend_vm("aws_ec2")


def test_settings_of_the_mode_may_be_in_the_backends_section_as_elsewhere() -> None:
    """That Lithops takes the defaults for a connection is in tests/jobs/config/test_complete.py."""
    given = {"lithops": {"backend": "vm"}, "vm": {**CONFIG, "runtime": "an-image"}, "standalone": {"start_timeout": 7}}
    completed = with_vm_defaults(given)

    assert completed["vm"] == CONFIG
    mode = completed["standalone"]
    assert (mode["runtime"], mode["start_timeout"], mode["exec_mode"]) == ("an-image", 7, "consume")
    assert given["vm"]["runtime"] == "an-image"  # what was given is as it was
