"""Install the built wheel into a fresh environment, and see that Airflow finds the provider there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.session import ROOT, say

UV = str(Path(sys.executable).parent / "uv")
CHECK = """
import sys
from lithops_provider.hooks import LithopsHook
from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
assert "site-packages" in sys.modules["lithops_provider.operators"].__file__
"""


def main() -> None:
    """Try the one wheel in ``dist/``; an error ends the command."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    (sdist,) = (ROOT / "dist").glob("*.tar.gz")
    print(f"   {wheel.relative_to(ROOT)}, {sdist.relative_to(ROOT)}")
    constraints = ROOT / ("constraints.txt" if sys.version_info >= (3, 11) else "constraints-3.10.txt")
    with tempfile.TemporaryDirectory(prefix="airflow-lithops-wheel-") as folder:
        python = f"{folder}/venv/bin/python"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        env |= {"AIRFLOW_HOME": f"{folder}/airflow", "HOME": folder, "TMPDIR": folder}

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, timeout=600)
            if done.returncode:
                sys.exit(f"{' '.join(command)} ended with status {done.returncode}.\n{done.stdout}")
            return done.stdout

        say("Installing the wheel into a fresh environment")
        del env["HOME"]  # uv's cache is there
        run(UV, "venv", "--quiet", "--python", sys.executable, f"{folder}/venv")
        run(UV, "pip", "install", "--quiet", "--python", python, "--constraint", str(constraints), str(wheel))
        env["HOME"] = folder
        run(python, "-c", CHECK)
        providers = run(python, "-m", "airflow", "providers", "list", "--output", "plain")
        found = [line for line in providers.splitlines() if line.startswith("airflow-provider-lithops")]
        if not found:
            sys.exit(f"`airflow providers list` does not show the wheel:\n{providers}")
        print(f"   airflow providers list: {found[0]}")


if __name__ == "__main__":
    main()
