"""Lithops's cache of what a runtime has, when several tasks use it at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lithops_provider.jobs.client import LithopsClient


def test_a_runtimes_cache_file_that_is_being_written_is_not_read(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lithops import __version__

    expected = client.compute.invoker.select_runtime("M000", None)
    invoker = client.compute.invoker
    key = invoker.compute_handler.get_runtime_key(invoker.runtime_name, None, __version__)
    file = Path(client.compute.internal_storage._local_runtime_meta_path(key))
    monkeypatch.setattr("lithops.storage.storage.RUNTIME_META_CACHE", {})
    assert file.exists()
    file.write_text("")

    assert client.compute.internal_storage.get_runtime_meta(key) == expected
    assert json.loads(file.read_text()) == expected
    assert not [path for path in file.parent.iterdir() if path.suffix != ".json"]
