"""What every test gets: folders of its own, no network, and a check at the end that nothing is left.

The folders are set at import, before any test module is: Lithops computes its paths when it is imported, and
Airflow reads its configuration then.
"""

from __future__ import annotations

import getpass
import ipaddress
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import processes

ROOT = Path(tempfile.mkdtemp(prefix="airflow-provider-lithops-")).resolve()
"""Folder that holds all that the test session writes; removed at its end."""

CALLERS_ENV = dict(os.environ)
"""The environment that the session was started with: what installs a server needs its network."""

DEAD_PROXY = "http://127.0.0.1:9"
"""Nothing listens there: a program that asks a proxy for the world is refused at once."""


def _isolate() -> None:
    for name in list(os.environ):
        if name.startswith(("LITHOPS", "__LITHOPS", "AIRFLOW", "AWS_")):
            del os.environ[name]
    folders = {"TMPDIR": ROOT / "tmp", "HOME": ROOT / "home", "AIRFLOW_HOME": ROOT / "airflow"}
    for name, folder in folders.items():
        folder.mkdir()
        os.environ[name] = str(folder)
    tempfile.tempdir = None  # computed again from TMPDIR
    os.environ.setdefault("USER", getpass.getuser())
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ[name] = os.environ[name.lower()] = DEAD_PROXY
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = "127.0.0.1,localhost,::1"


_isolate()


def pytest_configure() -> None:
    """End as after Ctrl-C on SIGTERM too, so that a session that is timed out from outside leaves nothing."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def pytest_unconfigure() -> None:
    """Remove everything that the session wrote."""
    shutil.rmtree(ROOT)


@pytest.fixture(scope="session", autouse=True)
def no_leftover_processes() -> Iterator[None]:
    """Fail the session if a process that it started outlives it; the first fixture, so it ends last."""
    yield
    left = processes.wait_gone(lambda: processes.find(ROOT), seconds=10)
    lines = [processes.describe(process) for process in left]
    processes.end(left)
    assert not lines, "Processes are left:\n" + "\n".join(lines)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse connections from the test process to anything but this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _loopback_only(getattr(socket.socket, name)))
        yield


def _loopback_only(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise PermissionError(f"A test tried to reach {address}: tests talk to this machine only.")
        return original(self, address)

    return connect


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
