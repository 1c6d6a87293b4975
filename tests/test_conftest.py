"""What tests/conftest.py and pyproject.toml promise: no test can hang for good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import kept
from tools.waiting import HANGS

ROOT = Path(__file__).resolve().parent.parent

HANGING = """
import subprocess, threading, pytest

@pytest.fixture
def ends_late():
    yield
    threading.Event().wait()

def test_that_fails_before_a_teardown_that_hangs(ends_late):
    assert False

def test_that_waits_again_when_its_time_is_over():
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.wait()

def test_after_them():
    pass
"""


@pytest.mark.thorough
def test_what_hangs_ends_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING)
    limits = ["-o", "timeout=3", "-o", "faulthandler_timeout=15"]
    options = ["-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-n1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *limits, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=HANGS,
    )

    assert "What ends after the test hangs." in done.stdout
    assert "crashed while running 'test_hanging.py::test_that_waits_again_when_its_time_is_over'" in done.stdout
    assert "2 failed, 1 passed, 1 error" in done.stdout


def test_of_large_files_the_beginning_and_the_end_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "failures")
    monkeypatch.setattr(kept, "MOST_BYTES", 10)
    session = tmp_path / "session"
    session.mkdir()
    (session / "small.log").write_text("the first, the last")
    (session / "large.log").write_text("the first, something long, the last")
    left = kept.Kept(session)
    left.note("test_that_failed", "why")
    left.finish()

    files = left.folder / "files"
    assert (files / "small.log").read_text() == "the first, the last"
    assert (files / "large.log").read_text() == "the first,\n... 15 bytes are left out here ...\n, the last"
