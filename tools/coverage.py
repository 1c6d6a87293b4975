"""
``make coverage``: what the tests reach of the code, lines and branches, in every process that they start.

Also in Airflow's, in the runners of Lithops's localhost and in calls, whose modules are copies elsewhere. A process
that is killed has no time to tell what it reached.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools.session import ROOT

FOLDER = ROOT / "build" / "coverage"
SETTINGS = f"""
[run]
branch = true
source_pkgs = lithops_provider
data_file = {FOLDER}/data
parallel = true
concurrency = thread, multiprocessing
patch = subprocess, _exit, fork
sigterm = true
disable_warnings = no-data-collected, module-not-imported, module-not-measured, couldnt-parse

[paths]
source =
    {ROOT}/src/lithops_provider
    */lithops_provider

[report]
show_missing = true
skip_covered = true
skip_empty = true
exclude_also =
    if TYPE_CHECKING:
    raise NotImplementedError
    @overload
    ^\\s*\\.\\.\\.$

[html]
directory = {FOLDER}/html
"""


def main(*arguments: str) -> int:
    """
    Run pytest under coverage, and show what it has not reached.

    :param arguments: of pytest
    :return: pytest's exit status
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    settings = FOLDER / "coveragerc"
    settings.write_text(SETTINGS)
    os.chdir(ROOT)

    def coverage(*command: str) -> int:
        return subprocess.run([sys.executable, "-m", "coverage", *command], check=False).returncode

    rcfile = f"--rcfile={settings}"
    coverage("erase", rcfile)
    status = coverage("run", rcfile, "-m", "pytest", *arguments)
    coverage("combine", "--quiet", rcfile)
    coverage("html", "--quiet", rcfile)
    coverage("report", rcfile)
    print(f"== Line by line: {FOLDER.relative_to(ROOT)}/html/index.html", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
