"""Tokens of IBM's that Lithops would share between all keys on a machine."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.adapter.workarounds.ibm import MANAGERS, share_no_tokens
from tests.jobs.adapter.workarounds.sources import source_of

MODULE = "lithops.util.ibm_token_manager"


def test_no_file_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType(MODULE)  # the real one needs a client of IBM's; tests/backends tries it
    for name in MANAGERS:
        setattr(module, name, type(name, (), {"TOKEN_FILE": "a file"}))
    monkeypatch.setitem(sys.modules, MODULE, module)
    share_no_tokens("minio")
    assert module.IAMTokenManager.TOKEN_FILE == "a file"
    share_no_tokens("ibm_cos")
    assert [getattr(module, name).TOKEN_FILE for name in MANAGERS] == [None, None]


def test_lithops_still_has_one_file_for_all_keys() -> None:
    """When this fails, a release has changed it: look whether the workaround can go."""
    source = source_of(MODULE)

    assert "TOKEN_FILE = os.path.join(CACHE_DIR, 'ibm_iam', 'token')" in source
    assert "TOKEN_FILE = os.path.join(CACHE_DIR, 'ibm_cos', 'token')" in source
    assert "if not self.token and self.TOKEN_FILE and os.path.exists(self.TOKEN_FILE):" in source
    assert "if not self.TOKEN_FILE:\n            return" in source
