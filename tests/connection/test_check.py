"""The test of a connection."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from lithops_provider.connection import check, probe
from lithops_provider.hooks import LithopsHook
from tests.connections import make_connection, surroundings, swift
from tests.jobs.conftest import _no_runner_is_left

__all__ = ["_no_runner_is_left", "surroundings"]  # fixtures

pytestmark = pytest.mark.usefixtures("surroundings")


def test_the_test_leaves_nothing_behind() -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    LithopsHook().test_connection()

    assert list(Path(LITHOPS_TEMP_DIR).rglob("*airflow-test*")) == []


def test_the_test_of_a_storage_that_reads_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from lithops.storage import InternalStorage

    deleted: list[str] = []
    monkeypatch.setattr(InternalStorage, "get_data", lambda self, key: b"other")
    monkeypatch.setattr(InternalStorage, "del_data", lambda self, key: deleted.append(key))

    works, message = LithopsHook().test_connection()

    assert not works
    assert message.startswith("storage 'localhost' failed: wrote an object and read b'other' back; check the section ")
    assert len(deleted) == 1


def test_the_test_tells_what_would_keep_jobs_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    make_connection(monkeypatch, "other", {"test": "function"})
    monkeypatch.setattr(probe, "_problems", lambda found: [f"it has Python {found['python']}", "and more"])

    works, message = LithopsHook("other").test_connection()

    assert (works, message) == (False, f"it has Python {sys.version.split()[0]}; and more")


def test_the_test_runs_another_interpreter(tmp_path: Path) -> None:
    other = tmp_path / "python-other"
    other.symlink_to(sys.executable)
    version = ".".join(map(str, sys.version_info[:3]))

    works, message = LithopsHook(runtime=str(other)).test_connection()
    assert (works, f"with Python {version} ({other})" in message) == (True, True)

    works, message = LithopsHook(runtime=str(tmp_path / "none")).test_connection()
    assert not works
    assert message.startswith(f"localhost.runtime '{tmp_path / 'none'}' can't be run: ")


def test_the_test_names_a_container_image() -> None:
    assert "in the container image 'me/image'" in LithopsHook(runtime="me/image").test_connection()[1]


def test_the_test_of_a_storage_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        make_connection(monkeypatch, "other", swift(f"http://127.0.0.1:{unused.getsockname()[1]}/swift-secret"))
        works, message = LithopsHook("other").test_connection()

    assert not works
    assert message.startswith("storage 'swift' failed: ")
    assert "Connection refused" in message
    assert "check the section 'swift' of the configuration" in message
    assert "***" in message
    assert "swift-secret" not in message


def test_the_test_of_a_storage_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_TEST_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        make_connection(monkeypatch, "other", swift(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        works, message = LithopsHook("other").test_connection()

    assert (works, message[:51]) == (False, "storage 'swift' did not answer within 0.5 s; check ")
