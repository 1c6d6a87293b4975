"""Environments with requirements, made by the real uv of a package that is built here."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config import environments
from lithops_provider.jobs.config.environments import use_requirements
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError, SubmitError
from tests.jobs.conftest import finished


def build(folder: Path, version: str, answer: int) -> str:
    """Builds a wheel of pure Python, and returns the requirement for it."""
    wheel = folder / f"tiny_thing-{version}-py3-none-any.whl"
    info = f"tiny_thing-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", f"ANSWER = {answer}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-thing\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"tiny-thing @ {wheel.as_uri()}"


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
    with pytest.raises(SubmitError, match=r"(?s)requirements could not be installed: .*tiny_nothing"):
        use_requirements(
            resolve_config(), [requirement, f"tiny-nothing @ {tmp_path.as_uri()}/tiny_nothing-1-py3-none-any.whl"]
        )
    assert [entry.name for entry in cache.iterdir() if entry.is_dir()] == []

    config = resolve_config()
    use_requirements(config, [requirement])
    stamp = Path(config["localhost"]["runtime"]).parents[1] / "complete"
    stamp.unlink()
    (stamp.parent / "bin" / "python").unlink()
    use_requirements(resolve_config(), [requirement])
    assert (stamp.parent / "bin" / "python").exists()


def test_elsewhere_they_are_an_error_that_says_what_to_do() -> None:
    config = {"lithops": {"backend": "aws_lambda"}}
    with pytest.raises(InvalidInputError, match=r"requirements are installed on localhost only.*runtimes build NAME"):
        use_requirements(config, ["pandas"])
    config = {"lithops": {"backend": "localhost"}, "localhost": {"runtime": "an-image"}}
    with pytest.raises(InvalidInputError, match="requirements can't be installed into the runtime 'an-image'"):
        use_requirements(config, ["pandas"])


def test_without_uv_there_is_a_clear_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install uv"):
        use_requirements(resolve_config(), ["pandas"])
