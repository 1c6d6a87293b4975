"""
Makes and keeps Python environments, with `uv`, for functions on localhost that have requirements of their own. A task
with ``requirements`` calls `use_requirements`.

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
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lithops_provider.jobs.adapter.private_folder import make_private
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError, SubmitError

logger = logging.getLogger(__name__)

#: Seconds that installing may take.
_TO_INSTALL = 900.0
#: Characters of what `uv` said that an error shows, from its end.
_SHOWN = 2000
#: Names of folders that packages are installed into.
_PACKAGES = ("site-packages", "dist-packages")
#: Name of the file that an environment has once it is complete.
_STAMP = "complete"


def use_requirements(config: dict[str, Any], requirements: Sequence[str]) -> None:
    """
    Makes functions on localhost run in an environment with requirements. The environment is made if it doesn't exist.

    :param config: complete configuration, which is changed
    :param requirements: as `pip` takes them, such as "pandas==2.3.*"
    :raises InvalidInputError: functions don't run on localhost, or have a runtime of their own there
    :raises ConfigurationError: there is no `uv`
    :raises SubmitError: they could not be installed
    """
    backend = config["lithops"]["backend"]
    wanted = ", ".join(requirements)
    if backend != "localhost":
        raise InvalidInputError(
            f"requirements are installed on localhost only, and these functions run on {backend}, in a runtime that "
            f"has its packages in it. Build one that has {wanted}: `airflow lithops runtimes build NAME -f FILE`, with "
            f"a Dockerfile or a list of requirements, depending on {backend}; then give runtime=NAME instead of "
            "requirements"
        )
    runtime = config["localhost"]["runtime"]
    if runtime != sys.executable:
        raise InvalidInputError(
            f"requirements can't be installed into the runtime {runtime!r}; leave one of the two out, or install "
            f"{wanted} there"
        )
    config["localhost"]["runtime"] = str(_find_or_make(requirements))


def _find_or_make(requirements: Sequence[str]) -> Path:
    """Returns the interpreter of the environment with these requirements."""
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
    uv = _find_uv()
    try:
        _run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)])
        _run([uv, "pip", "install", "--quiet", "--python", str(interpreter), "--", *requirements])
        (packages,) = folder.glob("lib/python*/site-packages")
        lines = [f"import site; site.addsitedir({path!r})\n" for path in worker]
        (packages / "zz_worker.pth").write_text("".join(lines))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(command: list[str]) -> None:
    """Runs `uv`, without the variables that name another environment of Python."""
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=_TO_INSTALL)
    except subprocess.TimeoutExpired as error:
        raise SubmitError(f"requirements could not be installed within {_TO_INSTALL:g} s") from error
    if done.returncode:
        raise SubmitError(f"requirements could not be installed: {done.stderr.strip()[-_SHOWN:]}")


def _find_uv() -> str:
    try:
        from uv import find_uv_bin
    except ImportError:
        found = shutil.which("uv")
    else:
        found = find_uv_bin()
    if found is None:
        raise ConfigurationError("requirements need the program uv: install it on the worker, pip install uv")
    return str(found)


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
