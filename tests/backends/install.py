"""Installs the servers that come from Debian, and says so. Those from PyPI come with the dependency group."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.conftest import CALLERS_ENV


def debian(program: str, *packages: str, optional: bool = False) -> str:
    """
    Return the path of a program, after having installed it if it wasn't there.

    :param program: its name, or its path
    :param packages: Debian's packages that bring it
    :param optional: whether CI goes without it where it can't be installed
    :raises pytest.skip.Exception: it isn't there, and this user may not install it
    """
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    if found := shutil.which(program, path=path):
        return found
    wanted = " ".join(packages)
    if not shutil.which("apt-get") or os.geteuid() != 0:
        message = f"{program} is missing, and can't be installed here: as root, apt-get install {wanted}"
        if "CI" in os.environ and not optional:
            pytest.fail(message)
        pytest.skip(message)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    print(f"\n== Installing Debian's {wanted}", flush=True)  # noqa: T201
    if not _run(install):
        _run(["apt-get", "update", "-q"])
        if not _run(install):
            message = f"Debian's {wanted} could not be installed: {' '.join(install)}"
            (pytest.skip if optional else pytest.fail)(message)
    found = shutil.which(program, path=path)
    assert found, f"{wanted} did not bring {program}"
    return found


def _run(command: list[str]) -> bool:
    """Run a command with the caller's network; what it prints is shown if it fails."""
    # No daemon is started: that is for the tests to do, each on a port of its own.
    env = {**CALLERS_ENV, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    print("+", *command, flush=True)  # noqa: T201
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, flush=True)  # noqa: T201
    return done.returncode == 0
