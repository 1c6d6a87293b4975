"""Targets of make that run beside each other, as those of ``make test`` do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.waiting import HANGS, wait_until

ROOT = Path(__file__).resolve().parent.parent
#: Targets: one fails, one does not, and two write down that they began, and that they ended in order.
TARGETS = """
fails:
\t@echo something; exit 1
passes:
\t@echo something else
front behind:
\texec {python} program.py $@
"""
PROGRAM = """
import pathlib, signal, sys, time

def end(number, frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, end)
try:
    pathlib.Path(sys.argv[1] + '-began').touch()
    time.sleep(3600)
finally:
    time.sleep(0.5)
    pathlib.Path(sys.argv[1] + '-ended').touch()
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run targets of a Makefile in this test's folder."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "Makefile").write_text(TARGETS.format(python=sys.executable))
    monkeypatch.chdir(tmp_path)
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return [sys.executable, "-m", "tools.side_by_side"]


def test_one_group_that_fails_is_named(command: list[str]) -> None:
    done = subprocess.run([*command, "fails passes", "passes"], stdout=subprocess.PIPE, text=True, timeout=HANGS)

    assert done.returncode == 1
    assert "== make passes: passed\n" in done.stdout
    assert "== make fails passes: failed\n" in done.stdout
    assert done.stdout.count("something else\n") == 2, "a target that fails keeps no other from being made"


def test_sigterm_ends_all_in_order(command: list[str], tmp_path: Path) -> None:
    with subprocess.Popen([*command, "behind", "front"], stdout=subprocess.PIPE) as process:
        wait_until(lambda: (tmp_path / "front-began").exists() and (tmp_path / "behind-began").exists())
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(HANGS) == 128 + signal.SIGTERM

    assert (tmp_path / "front-ended").exists()
    assert (tmp_path / "behind-ended").exists()


def test_make_leaves_no_shell_before_pytest(command: list[str]) -> None:
    # make ends the shell of a recipe, not what that has started.
    made = subprocess.run(
        ["make", "--dry-run", "unit", "integration", "celery", "backends", "thorough"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    tests = [line for line in made.stdout.splitlines() if " -m pytest " in line]
    assert len(tests) == 5
    assert all(line.startswith("exec ") for line in tests)
