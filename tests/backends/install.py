"""Installs the servers that come from Debian, and says so. Those from PyPI come with the dependency group."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess

import pytest

from tests.conftest import CALLERS_ENV


def debian(program: str, *packages: str) -> str:
    """
    Return the path of a program, after having installed it if it wasn't there.

    :param program: its name, or its path, in which a folder with its version may be ``*``
    :param packages: Debian's packages that bring it
    :raises pytest.skip.Exception: it isn't there, and this user may not install it
    """
    if found := _find(program):
        return found
    wanted = " ".join(packages)
    if not shutil.which("apt-get") or os.geteuid() != 0:
        message = f"{program} is missing, and can't be installed here: as root, apt-get install {wanted}"
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    print(f"\n== Installing Debian's {wanted}", flush=True)  # noqa: T201
    if not _run(install):
        _run(["apt-get", "update", "-q"])
        if not _run(install):
            pytest.fail(f"Debian's {wanted} could not be installed: {' '.join(install)}")
    found = _find(program)
    assert found, f"{wanted} did not bring {program}"
    return found


def _find(program: str) -> str | None:
    if "*" in program:
        return max(glob.glob(program), default=None)
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))


def _run(command: list[str]) -> bool:
    """Run a command with the caller's network; what it prints is shown if it fails."""
    # No daemon is started: that is for the tests to do, each on a port of its own.
    env = {**CALLERS_ENV, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    print("+", *command, flush=True)  # noqa: T201
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, flush=True)  # noqa: T201
    return done.returncode == 0
