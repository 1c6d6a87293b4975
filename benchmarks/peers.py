"""Ray and Dask get an environment of their own, so that what they bring is nowhere else."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tools.session import ROOT, say

VENV = ROOT / ".venv-peers"
PYTHON = VENV / "bin" / "python"
PINS = Path(__file__).parent / "constraints-peers.txt"
CONSTRAINTS = ROOT / "constraints.txt"


def is_inside() -> bool:
    """Whether this process runs in the environment with the peers."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def install() -> None:
    """Make the environment, unless it is there and up to date."""
    files = (ROOT / "pyproject.toml", CONSTRAINTS, PINS)
    stamp = VENV / "installed.sha256"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if sys.version_info < (3, 11):
        sys.exit("The versions of Ray and Dask that are compared with need Python 3.11 or newer.")
    say(f"Installing Ray and Dask, and Airflow with this project, into {VENV.name}; that takes some minutes")
    if not PYTHON.exists():
        venv.create(VENV, with_pip=False, symlinks=True)
    own = Path(sys.executable).parent / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv is None:
        sys.exit("There is no uv, neither beside this Python nor on the PATH; `make bench-peers` brings one.")
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON), "--constraint", "-"]
    what = ["--group", f"{ROOT / 'pyproject.toml'}:peers", "--editable", str(ROOT)]
    subprocess.run([*command, *what], input=constraints(), text=True, check=True, timeout=1800)
    stamp.write_text(wanted)


def constraints() -> str:
    """
    Return the versions of all packages, as lines ``name==version``.

    They are those of .venv, except what `PINS` has: s3fs, which Dask reads from S3 with, takes no other botocore.
    """
    own = PINS.read_text().splitlines()
    names = {line.partition("==")[0] for line in own}
    shared = [line for line in CONSTRAINTS.read_text().splitlines() if line.partition("==")[0] not in names]
    return "\n".join([*shared, *own, ""])


def restart_inside() -> None:
    """Go on as the same command in that environment."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "benchmarks", *sys.argv[1:]])
