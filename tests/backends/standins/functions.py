"""
Runs functions as a cloud's service does: each call in a process of its own that knows nothing of this project, under a
limit of time and memory. The process is a fork of the stand-in, which has Lithops loaded: starting an interpreter for
each call would take half a second of each.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

#: Packages that no runtime has.
_REFUSED = ("airflow", "lithops_provider")


class _Refuse:
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in _REFUSED:
            raise ModuleNotFoundError(f"the runtime has no module {name!r}", name=name)


def become_runtime(modules: Iterable[str] = ()) -> None:
    """
    Loads what every call needs, and forgets this project, so that nothing of it can be imported from now on.

    :param modules: what else to load
    """
    for name in ("cloudpickle", "lithops.storage.backends.minio", "lithops.worker", *modules):
        importlib.import_module(name)

    root = os.environ.pop("PYTHONPATH")
    sys.path[:] = [path for path in sys.path if path not in ("", root)]
    for name in list(sys.modules):
        if name.partition(".")[0] in (*_REFUSED, "tests"):  # those of `tests` that a job needs travel with it
            del sys.modules[name]
    sys.meta_path.insert(0, _Refuse())  # type: ignore[arg-type]


def run(
    function: Callable[[], Any], folder: Path, environment: Mapping[str, str], *, seconds: float, megabytes: int
) -> Any:
    """
    Runs a call, and returns what it returns; None if it didn't end well, which its log in the folder tells about.

    :param function: what to call
    :param folder: of this call alone
    :param environment: variables that it gets
    :param seconds: that it has
    :param megabytes: that its process may have
    """
    folder.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        _run(function, folder, environment, megabytes)
    (folder / "pid").write_text(str(pid))
    give_up = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > give_up:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):  # a cloud freezes what a call leaves running
        os.killpg(pid, signal.SIGKILL)
    result = folder / "result.json"
    return json.loads(result.read_text()) if result.exists() else None


def stop(folder: Path) -> None:
    """
    Ends all calls that have their folder below this one.

    :param folder: from where to look for them
    """
    for file in folder.rglob("pid"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(file.read_text()), signal.SIGKILL)


def _run(function: Callable[[], Any], folder: Path, environment: Mapping[str, str], megabytes: int) -> None:
    """Is the process of a call."""
    try:
        os.setsid()
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.environ.update(environment)
        os.chdir(folder)
        limit = _data_size() + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        from lithops.worker import handler, utils

        # In a cloud, each has a disk of its own.
        handler.MODULES_DIR = utils.MODULES_DIR = str(folder / "modules")
        found = json.dumps(function())
        (folder / "part").write_text(found)
        (folder / "part").rename(folder / "result.json")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _data_size() -> int:
    """Returns the bytes of data that this process shares with the stand-in, which are not its own."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:")]
    return int(line.split()[1]) << 10
