"""The program uv: that it is missing, fails, or takes too long."""

from __future__ import annotations

import sys

import pytest

from lithops_provider.jobs.adapter.runtimes import uv
from lithops_provider.jobs.adapter.runtimes.uv import run_uv
from lithops_provider.jobs.errors import ConfigurationError, SubmitError


def test_without_it_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setattr(uv.shutil, "which", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install uv"):
        run_uv("version")


def test_what_it_says_when_it_fails_is_in_the_error() -> None:
    with pytest.raises(SubmitError, match=r"(?s)requirements could not be installed: .*no-such-command"):
        run_uv("no-such-command")


def test_an_installation_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "_TO_INSTALL", 0.0001)
    with pytest.raises(SubmitError, match=r"could not be installed within 0\.0001 s"):
        run_uv("version")


def test_the_environment_of_the_shell_is_not_installed_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    with pytest.raises(SubmitError) as caught:
        run_uv("pip", "show", "no-such-package-at-all", "--python", sys.executable)
    assert "/nowhere" not in str(caught.value)
