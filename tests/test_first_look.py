"""What ``make demo`` shows first counts right."""

from __future__ import annotations

import os
import site
import venv
from pathlib import Path

import pytest

from tools.bootstrap import first_look, read_stamp
from tools.first_look import count_primes


@pytest.mark.parametrize(
    ("start", "end", "primes"), [(0, 100, 25), (100, 200, 21), (0, 1_000, 168), (1_000_000, 1_001_000, 75)]
)
def test_primes(start: int, end: int, primes: int) -> None:
    assert count_primes(start, end) == primes


def test_it_needs_lithops_but_not_the_package(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is installed into an environment by a file, which one that takes over its packages doesn't read."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    venv.create(tmp_path / "venv")
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (packages / "theirs.pth").write_text(os.linesep.join(site.getsitepackages()))

    first_look(tmp_path / "venv" / "bin" / "python")

    shown = capfd.readouterr()
    assert "1,270,607 primes below 20,000,000: 200 items in" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("written", "groups"), [("v2\ndemo\ndev\n", {"demo", "dev"}), ("v2\n", set()), ("v1\ndemo\n", None), ("", None)]
)
def test_groups_are_installed_as_long_as_no_other_versions_are_wanted(
    tmp_path: Path, written: str, groups: set[str] | None
) -> None:
    stamp = tmp_path / "stamp"
    assert read_stamp(stamp, "v2") is None
    stamp.write_text(written)

    assert read_stamp(stamp, "v2") == groups
