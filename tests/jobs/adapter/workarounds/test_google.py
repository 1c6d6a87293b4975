"""The token of Google's backends: the lock around it, and its age."""

from __future__ import annotations

import sys
import threading
import time
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.adapter.workarounds.answers import POSTING
from lithops_provider.jobs.adapter.workarounds.google import TOKENS, mend_tokens
from tests.jobs.adapter.workarounds.sources import source_of


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Something that gets a token as Lithops's backend does."""
    module: Any = ModuleType("a_backend_of_google")
    module.invoke_mutex = threading.Lock()
    monkeypatch.setitem(sys.modules, module.__name__, module)

    class Backend:
        __module__ = module.__name__
        error: Exception | None = None
        _id_token: str | None = None
        asked = 0

        def _get_url_and_token(self, service: str) -> tuple[str, str]:
            module.invoke_mutex.acquire()
            if self._id_token is None:
                self.asked += 1
                if self.error is not None:
                    raise self.error
                self._id_token = f"token {self.asked}"
            module.invoke_mutex.release()
            return service, self._id_token

    found = Backend()
    mend_tokens("gcp_cloudrun", found)
    return found


def test_an_error_leaves_the_lock_to_others(backend: Any) -> None:
    backend.error = ValueError("refused")
    for _ in range(2):  # the second would wait for ever
        with pytest.raises(ValueError, match="refused"):
            backend._get_url_and_token("a-service")
    backend.error = None

    assert backend._get_url_and_token("a-service") == ("a-service", "token 3")


def test_a_token_is_used_until_shortly_before_its_end(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [backend._get_url_and_token("a")[1] for _ in range(2)] == ["token 1", "token 1"]
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3001)
    assert [backend._get_url_and_token("a")[1] for _ in range(2)] == ["token 2", "token 2"]


@pytest.mark.parametrize("name", TOKENS)
def test_lithops_still_keeps_the_lock_and_the_token(name: str) -> None:
    """When this fails, a release has changed it: look whether the workaround can go."""
    source = source_of(POSTING[name])
    method, attribute = TOKENS[name]
    body = source[source.index(f"def {method}(") :].partition("\n    def ")[0]

    assert "invoke_mutex.acquire()" in body
    assert "invoke_mutex.release()" in body
    assert "finally" not in body
    assert f"if not self.{attribute} or " in body
