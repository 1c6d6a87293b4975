"""Installs packages by the program `uv`, for environments.py and layers.py."""

from __future__ import annotations

import os
import shutil
import subprocess

from lithops_provider.jobs.errors import ConfigurationError, SubmitError

#: Seconds that installing may take.
_TO_INSTALL = 900.0
#: Characters of what `uv` said that an error shows, from its end.
_SHOWN = 2000
#: What the shell has in mind for another environment.
_NOT_FOR_US = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")


def run_uv(*arguments: str) -> None:
    """
    Runs `uv`.

    :param arguments: of the program
    :raises ConfigurationError: there is no `uv`
    :raises SubmitError: it failed, or took too long
    """
    env = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_US}
    command = [_find_uv(), *arguments]
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
