"""Commands of Airflow's command line, several in one process: its start takes four seconds of a core."""

from __future__ import annotations

import json
import subprocess

from tools.airflow_stack import AirflowStack
from tools.waiting import HANGS

_PROGRAM = """
import contextlib, io, json, sys
from airflow.__main__ import main

said = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["airflow", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            main()
        except SystemExit as end:
            print(end.code or "")
    said.append(output.getvalue())
print(json.dumps(said))
"""


def say(airflow: AirflowStack, *commands: tuple[str, ...]) -> list[str]:
    """
    Run commands one after another.

    :param airflow: the Airflow whose commands they are
    :param commands: the arguments of each
    :return: what each has printed; at the end of that, why it has failed, if it has
    """
    done = subprocess.run(
        [airflow.python, "-c", _PROGRAM, json.dumps(commands)],
        env=airflow.env,
        cwd=airflow.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: list[str] = json.loads(done.stdout.splitlines()[-1])
    return said
