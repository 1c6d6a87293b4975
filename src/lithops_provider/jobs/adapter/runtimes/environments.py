"""
Makes and keeps Python environments for functions on localhost that have requirements of their own. requirements.py
calls `find_or_make_environment`.

An environment has the worker's Python. A module is looked for among what was installed into the environment first, and
then among all that the worker has, such as Lithops and the clients of storages.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import site
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lithops_provider.jobs.adapter.private_folder import make_private
from lithops_provider.jobs.adapter.runtimes.uv import run_uv

logger = logging.getLogger(__name__)

#: Names of folders that packages are installed into.
_PACKAGES = ("site-packages", "dist-packages")
#: Name of the file that an environment has once it is complete.
_STAMP = "complete"


def find_or_make_environment(requirements: Sequence[str]) -> Path:
    """
    Returns the interpreter of the environment with these requirements, which is made if there is none yet.

    :param requirements: as `pip` takes them, such as "pandas==2.3.*"
    :raises ConfigurationError: there is no `uv`
    :raises SubmitError: they could not be installed
    """
    worker = _worker_folders()
    identity = json.dumps([sorted(requirements), sys.version, sys.executable, worker])
    folder = _cache() / hashlib.sha256(identity.encode()).hexdigest()[:32]
    interpreter = folder / "bin" / "python"
    if (folder / _STAMP).exists():
        return interpreter
    with _locked(folder.with_suffix(".lock")):
        if not (folder / _STAMP).exists():  # another task may have made it while this one waited
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, interpreter, requirements, worker)
            (folder / _STAMP).touch()
    return interpreter


def _make(folder: Path, interpreter: Path, requirements: Sequence[str], worker: Sequence[str]) -> None:
    logger.info("Making an environment with %s in %s", ", ".join(requirements), folder)
    try:
        run_uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder))
        run_uv("pip", "install", "--quiet", "--python", str(interpreter), "--", *requirements)
        (packages,) = folder.glob("lib/python*/site-packages")
        lines = [f"import site; site.addsitedir({path!r})\n" for path in worker]
        (packages / "zz_worker.pth").write_text("".join(lines))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _worker_folders() -> list[str]:
    """Returns the folders that this Python's packages are in."""
    return [path for path in dict.fromkeys([*site.getsitepackages(), *sys.path]) if Path(path).name in _PACKAGES]


def _cache() -> Path:
    """Returns the folder of the environments, which only this user can look into: their code is run."""
    parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parent.mkdir(parents=True, exist_ok=True)
    return Path(make_private(str(parent / "airflow-provider-lithops")))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps other processes out; the lock ends with this one."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
