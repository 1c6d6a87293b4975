"""
Install the built wheel into a fresh environment as users do: without constraints, with the newest release of all that
it depends on. See that Airflow finds the provider there, that a job runs, and that its tracebacks say where.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools.session import ROOT, say

UV = str(Path(sys.executable).parent / "uv")
CHECK = """
import sys
from importlib.resources import files
from lithops_provider.hooks import LithopsHook
from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
assert "site-packages" in sys.modules["lithops_provider.operators"].__file__
assert files("lithops_provider").joinpath("py.typed").is_file()
"""
EXAMPLES = """
from pathlib import Path
from airflow.dag_processing.bundles.manager import DagBundlesManager
bundle = DagBundlesManager().get_bundle("airflow-provider-lithops-example-dags")
names = sorted(path.stem for path in Path(bundle.path).glob("*.py"))
assert "lithops_primes" in names, names
print(*names, sep=", ")
"""
JOB = """
from importlib.metadata import version
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import make_spec

def half(x):
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2

if __name__ == "__main__":
    client = LithopsClient(resolve_config({"lithops": {"backend": "localhost"}}))
    run = JobRun(client, make_spec("map", *bind_items(half, [4, 5])))
    run.submit()
    run.finish()
    assert run.results() == [2, None], run.results()
    (failure,) = run.failures()
    assert f'File "{__file__}", line 11, in half' in failure.traceback, failure.traceback
    print(*(f"{name} {version(name)}" for name in ("apache-airflow", "lithops", "cloudpickle")), sep=", ")
"""


def main() -> None:
    """Try the one wheel in ``dist/``; an error ends the command."""
    (wheel,) = (ROOT / "dist").glob("*.whl")
    (sdist,) = (ROOT / "dist").glob("*.tar.gz")
    print(f"   {wheel.relative_to(ROOT)}, {sdist.relative_to(ROOT)}")
    check_description(wheel)
    with tempfile.TemporaryDirectory(prefix="airflow-lithops-wheel-") as folder:
        python = f"{folder}/venv/bin/python"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        env |= {"AIRFLOW_HOME": f"{folder}/airflow", "HOME": folder, "TMPDIR": folder}

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, timeout=600)
            if done.returncode:
                sys.exit(f"{' '.join(command)} ended with status {done.returncode}.\n{done.stdout}")
            return done.stdout

        say("Installing the wheel into a fresh environment, without constraints")
        del env["HOME"]  # uv's cache is there
        run(UV, "venv", "--quiet", "--python", sys.executable, f"{folder}/venv")
        run(UV, "pip", "install", "--quiet", "--python", python, str(wheel))
        env["HOME"] = folder
        run(python, "-c", CHECK)
        providers = run(python, "-m", "airflow", "providers", "list", "--output", "plain")
        found = [line for line in providers.splitlines() if line.startswith("airflow-provider-lithops")]
        if not found:
            sys.exit(f"`airflow providers list` does not show the wheel:\n{providers}")
        print(f"   airflow providers list: {found[0]}")
        print(f"   example DAGs: {run(python, '-c', EXAMPLES).strip().splitlines()[-1]}")
        script = Path(folder, "job.py")
        script.write_text(JOB)
        print(f"   a job with {run(python, str(script)).strip()}")


def check_description(wheel: Path) -> None:
    """
    See that the README leads somewhere from where the wheel is published: outside the repository.

    :param wheel: the wheel
    """
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        described = archive.read(name).decode()
    targets = re.findall(r"\]\(([^)\s]+)\)", described)
    relative = [target for target in targets if not target.startswith(("https://", "#"))]
    if not targets or relative:
        sys.exit(f"The description of the wheel has links that lead nowhere: {relative}")
    print(f"   {len(targets)} links of its description, all absolute")


if __name__ == "__main__":
    main()
