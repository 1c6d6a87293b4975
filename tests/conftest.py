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
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

import tests
from tests import fresh
from tests.kept import FOLDER, Kept
from tools import processes
from tools.waiting import HANGS

ROOT = Path(tempfile.mkdtemp(prefix="airflow-provider-lithops-")).resolve()
"""Folder that holds all that the test session writes; removed at its end."""

CALLERS_ENV = dict(os.environ)
"""The environment that the session was started with: what installs a server needs its network."""

KEPT = Kept(ROOT)
"""What tests that fail leave."""

_interrupted: list[bool] = []


def patience() -> float:
    """Return the seconds that processes have at the end to go by themselves: few after Ctrl-C."""
    return 1.0 if _interrupted else HANGS


def pytest_keyboard_interrupt() -> None:
    """Remember that nobody wants to wait any more."""
    _interrupted.append(True)


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


def pytest_configure(config: pytest.Config) -> None:
    """End as after Ctrl-C on SIGTERM too, so that a session that is timed out from outside leaves nothing."""
    if hasattr(config, "workerinput"):  # the process that has started this one of pytest-xdist has isolated it
        CALLERS_ENV.clear()
        CALLERS_ENV.update(config.workerinput["callers_env"])
    signal.signal(signal.SIGTERM, _end)
    import cloudpickle

    # Functions of the tests travel by value: else each job would bring the whole folder, a second of a core.
    cloudpickle.register_pickle_by_value(tests)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Stop at the first SIGTERM; one more, which make gives on to what a whole group has got, stops no clean-up."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    raise KeyboardInterrupt


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist the environment that the session was started with."""
    node.workerinput["callers_env"] = CALLERS_ENV


def pytest_unconfigure() -> None:
    """Remove everything that the session wrote, but keep what tests that failed left."""
    processes.end(processes.find(ROOT))  # those of a process of pytest-xdist that hung and was ended
    KEPT.finish()
    shutil.rmtree(ROOT)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Limit what comes after a failure, too: pytest-timeout stops there, in case that a debugger is wanted."""
    if not item.config.getoption("usepdb") and not signal.getitimer(signal.ITIMER_REAL)[0]:
        limit = float(item.config.getini("timeout"))
        signal.signal(signal.SIGALRM, _fail_hanging_teardown)
        signal.setitimer(signal.ITIMER_REAL, limit, limit)  # which pytest-timeout ends with the test


def _fail_hanging_teardown(number: int, frame: FrameType | None) -> NoReturn:
    pytest.fail("What ends after the test hangs.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the whole report of a test that fails, and show what fits on a screen."""
    report = yield
    if report.failed and call.excinfo is not None:
        KEPT.shorten(report, call.excinfo.value)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say where it is kept."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.section("what tests that failed left: reports, logs, objects of jobs")
        terminalreporter.line(f"{FOLDER}: the newest folders, one for each process of this session")


@pytest.fixture(scope="session", autouse=True)
def no_leftover_processes() -> Iterator[None]:
    """Fail the session if a process that it started outlives it; the first fixture, so it ends last."""
    yield
    left = processes.wait_gone(lambda: processes.find(ROOT), patience())
    lines = [processes.describe(process) for process in left]
    processes.end(left)
    assert not lines, "Processes are left:\n" + "\n".join(lines)


@pytest.fixture(scope="session", autouse=True)
def _no_interpreter_is_left(no_leftover_processes: None) -> Iterator[None]:
    """End what tests/fresh.py has started."""
    yield
    fresh.end()


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
