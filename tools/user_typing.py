"""
Check tools/user_program.py as a user's type checkers do: from outside the project, strictly, with mypy and pyright.
What they know of the package they have from its ``py.typed``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.session import ROOT, say

BIN = Path(sys.executable).parent
#: pyright as its package brings it, so that nothing is fetched when it runs.
BUNDLED = {"PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT": "1", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
PYRIGHT = {
    "include": ["user_program.py"],
    "typeCheckingMode": "standard",  # strict is about the code's own types; operators take untyped keywords
    "reportUnnecessaryTypeIgnoreComment": "error",
    "reportMissingTypeStubs": "error",
}


def main() -> None:
    """Run both; the first that finds something ends the command."""
    with tempfile.TemporaryDirectory(prefix="airflow-lithops-typing-") as folder:
        shutil.copy(ROOT / "tools" / "user_program.py", folder)
        Path(folder, "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
        run(folder, "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), "user_program.py")
        run(folder, "pyright", "--pythonpath", sys.executable)


def run(folder: str, checker: str, *options: str) -> None:
    """
    Run a type checker.

    :param folder: where the program is
    :param checker: its name
    :param options: of its command
    """
    say(f"{checker} of a user's program")
    done = subprocess.run([str(BIN / checker), *options], cwd=folder, env={**os.environ, **BUNDLED}, timeout=600)
    if done.returncode:
        sys.exit(f"{checker} ended with status {done.returncode}")


if __name__ == "__main__":
    main()
