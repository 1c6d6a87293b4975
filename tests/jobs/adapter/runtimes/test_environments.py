"""Environments with requirements, made by the real uv of a package that is built here."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes.environments import find_or_make_environment
from lithops_provider.jobs.adapter.runtimes.requirements import use_requirements
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import SubmitError
from tests.jobs.adapter.runtimes.wheels import build
from tests.jobs.conftest import finished


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "airflow-provider-lithops"


def ask(x: int) -> tuple[int, bool]:
    import lithops
    import tiny_thing

    return tiny_thing.ANSWER + x, bool(lithops.__version__)


def results(requirement: str) -> list[Any]:
    config = resolve_config()
    use_requirements(config, [requirement])
    return finished(LithopsClient(config), *bind_items(ask, [1, 2])).results()


def test_functions_find_what_is_required_and_what_the_worker_has(cache: Path, tmp_path: Path) -> None:
    first, second = build(tmp_path, "1.0", 40), build(tmp_path, "2.0", 50)
    assert results(first) == [(41, True), (42, True)]
    (made,) = cache.glob("*/complete")
    at = made.stat().st_mtime_ns
    assert results(first) == [(41, True), (42, True)]
    assert [entry.stat().st_mtime_ns for entry in cache.glob("*/complete")] == [at]  # it was kept
    assert results(second) == [(51, True), (52, True)]
    assert cache.stat().st_mode & 0o077 == 0


def test_what_was_begun_and_not_completed_is_made_anew(cache: Path, tmp_path: Path) -> None:
    requirement = build(tmp_path, "1.0", 40)
    missing = f"tiny-nothing @ {tmp_path.as_uri()}/tiny_nothing-1-py3-none-any.whl"
    with pytest.raises(SubmitError, match=r"(?s)requirements could not be installed: .*tiny_nothing"):
        find_or_make_environment([requirement, missing])
    assert [entry.name for entry in cache.iterdir() if entry.is_dir()] == []

    interpreter = find_or_make_environment([requirement])
    (interpreter.parents[1] / "complete").unlink()
    interpreter.unlink()
    assert find_or_make_environment([requirement]) == interpreter
    assert interpreter.exists()


def test_one_that_another_task_has_made_meanwhile_is_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirement = build(tmp_path, "1.0", 40)
    lock = fcntl.flock
    made: list[int] = []

    def wait_for_the_other(file: Any, how: int) -> None:
        monkeypatch.undo()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        made.append(find_or_make_environment([requirement]).lstat().st_ino)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", wait_for_the_other)

    assert [find_or_make_environment([requirement]).lstat().st_ino] == made
