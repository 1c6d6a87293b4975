"""Which packages can be imported from their source files alone."""

from __future__ import annotations

from lithops_provider.jobs.adapter.source_only import needs_compiled_parts


def test_which_packages_need_their_compiled_parts() -> None:
    assert needs_compiled_parts("greenlet", ())
    assert not needs_compiled_parts("greenlet", {"greenlet"})
    assert not needs_compiled_parts("markupsafe", ())
    assert not needs_compiled_parts("no_such_package", ())
