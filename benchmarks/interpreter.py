"""Runs a program in a fresh interpreter, with an empty Airflow of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def run(program: str, home: str, *arguments: str) -> Any:
    """
    Run a program, and return what its last line of output says as JSON.

    :param program: its source
    :param home: folder of the Airflow
    :param arguments: of the program
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONDONTWRITE"))}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=env | {"AIRFLOW_HOME": home},
        cwd=home,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=120,
    )
    return json.loads(done.stdout.splitlines()[-1])
