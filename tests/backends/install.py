"""
Installs the servers that come from Debian, from npm, or from PyPI into an environment of their own, and says so.
The others come with the dependency groups.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conftest import CALLERS_ENV

_CHECKOUT = Path(__file__).resolve().parents[2]


def debian(program: str, *packages: str, optional: bool = False) -> str:
    """
    Return the path of a program, after having installed it if it wasn't there.

    :param program: its name, or its path, in which a folder with its version may be ``*``
    :param packages: Debian's packages that bring it
    :param optional: whether CI goes without it where it can't be installed
    :raises pytest.skip.Exception: it isn't there, and this user may not install it
    """
    if found := _find(program):
        return found
    wanted = " ".join(packages)
    if not shutil.which("apt-get") or os.geteuid() != 0:
        _leave_out(f"{program} is missing, and can't be installed here: as root, apt-get install {wanted}", optional)
    apt_get = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=600"]  # another run may install something, too
    install = [*apt_get, "install", "--no-install-recommends", *packages]
    print(f"\n== Installing Debian's {wanted}", flush=True)  # noqa: T201
    if not _run(install):
        _run([*apt_get, "update"])
        if not _run(install):
            message = f"Debian's {wanted} could not be installed: {' '.join(install)}"
            (pytest.skip if optional else pytest.fail)(message)
    found = _find(program)
    assert found, f"{wanted} did not bring {program}"
    return found


def _find(program: str) -> str | None:
    if "*" in program:
        return max(glob.glob(program), default=None)
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))


def npm(package: str, version: str) -> Path:
    """
    Return the path of a package's program, after having installed it if it wasn't there.

    :param package: its name, and its program's
    :param version: its version
    :raises pytest.skip.Exception: it can't be installed
    """
    if not shutil.which("npm"):
        _leave_out(f"{package} is missing, and can't be installed without npm")
    what = f"{package}@{version}"
    folder = _CHECKOUT / f".venv-{package}"
    _install(folder, what, [["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), what]])
    return folder / "node_modules" / ".bin" / package


def environment(name: str) -> Path:
    """
    Return the folder with the programs of an environment of its own, after having made it if it wasn't there: for what
    can't live beside the versions that Airflow needs, and is nothing that tests import.

    :param name: its name; what it has is in ``requirements-NAME.txt``
    :raises pytest.skip.Exception: it can't be made
    """
    requirements = Path(__file__).with_name(f"requirements-{name}.txt")
    folder = _CHECKOUT / f".venv-{name}"
    uv = str(Path(sys.executable).with_name("uv"))
    make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
    fill = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "-r", str(requirements)]
    _install(folder, requirements.read_text(), [make, fill])
    return folder / "bin"


def _install(folder: Path, wanted: str, commands: Sequence[list[str]]) -> None:
    """
    Fill a folder, unless that was done.

    :param folder: what the commands fill
    :param wanted: what it is made from
    :param commands: what makes it
    """
    stamp = folder / "installed.sha256"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"\n== Installing into {folder.name}", flush=True)  # noqa: T201
    for command in commands:
        if not _run(command):
            _leave_out(f"what belongs into {folder.name} could not be installed: {' '.join(command)}")
    stamp.write_text(digest)


def _leave_out(reason: str, optional: bool = False) -> NoReturn:
    """
    Skip what needs a server that isn't there; in CI, that is a failure.

    :param reason: what is shown
    :param optional: whether CI goes without it
    """
    if "CI" in os.environ and not optional:
        pytest.fail(reason)
    pytest.skip(reason)


def _run(command: list[str]) -> bool:
    """Run a command with the caller's network; what it prints is shown if it fails."""
    # No daemon is started: that is for the tests to do, each on a port of its own.
    env = {**CALLERS_ENV, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    print("+", *command, flush=True)  # noqa: T201
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, flush=True)  # noqa: T201
    return done.returncode == 0
