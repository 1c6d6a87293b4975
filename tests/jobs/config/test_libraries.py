"""Which libraries the extras of this package install. Errors about a missing one: test_complete.py."""

from __future__ import annotations

from tests.jobs.adapter.workarounds.sources import source_of


def test_lithops_still_needs_an_old_client_of_oracle() -> None:
    """When this fails, the extra `oracle` of pyproject.toml need not limit the client any more."""
    source = source_of("lithops.serverless.backends.oracle_f.oracle_f")

    assert source.count("image=image_name,") == 2
    assert "function.image" in source
