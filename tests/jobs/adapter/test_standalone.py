"""What is broken in Lithops's standalone backends, so that docs/backends.md says it can't be used."""

from __future__ import annotations

import re

from tests.jobs.adapter.workarounds.sources import source_of


def test_lithops_still_can_not_install_itself_on_a_vm() -> None:
    """When this fails, a release has mended it: try the backend, and correct docs/backends.md."""
    from lithops.standalone.backends.vm.vm import VMBackend, VMInstance

    source = source_of("lithops.standalone.standalone")
    setup = source[source.index("def _setup_master_service(") :]
    backend = VMBackend({"ip_address": "127.0.0.9"}, "consume")
    backend.init()
    asked = set(re.findall(r"self\.backend\.master\.(\w+)", setup))
    missing = {name for name in asked if not hasattr(backend.master, name)}

    assert isinstance(backend.master, VMInstance)
    assert missing == {"name", "delete_on_dismantle", "home_dir"}
    assert "self.backend.cache_dir" in setup
    assert not hasattr(backend, "cache_dir")


def test_lithops_still_reads_another_user_than_it_demands() -> None:
    """When this fails, docs/backends.md need not tell users to set both."""
    from lithops.standalone.backends.vm import config

    assert "ssh_username" in config.REQ_PARAMETERS
    assert "self.config.get('ssh_user', 'root')" in source_of("lithops.standalone.backends.vm.vm")
