"""Runs make's targets beside each other: what waits for Airflow leaves the cores to what computes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO


def main(*behind: str, before: str) -> int:
    """
    Make groups of targets, each group one after another, and show what they print at the end, while another group is
    made that prints right away.

    :param behind: groups of targets, separated by spaces
    :param before: the group that prints
    :return: 0 if all succeeded
    """
    print(f"== make {before}, beside make {', make '.join(behind)}, which are shown at the end", flush=True)
    make = ["make", "--no-print-directory", "--keep-going"]
    statuses: dict[str, int] = {}
    with ExitStack() as stack:
        started: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        for group in behind:
            output = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen([*make, *group.split()], stdout=output, stderr=subprocess.STDOUT)
            stack.callback(_show, group, process, output)
            started[group] = (process, output)
        statuses[before] = subprocess.run([*make, *before.split()], check=False).returncode
        statuses.update({group: process.wait() for group, (process, _) in started.items()})
    for group, status in statuses.items():
        print(f"== make {group}: {'failed' if status else 'passed'}", flush=True)
    return int(any(statuses.values()))


def _show(group: str, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    """Show what a group has printed; end it if it isn't over, as after Ctrl-C."""
    if process.poll() is None:
        process.terminate()
        process.wait()
    output.seek(0)
    print(f"== make {group}", flush=True)
    sys.stdout.buffer.write(output.read())
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:-1], before=sys.argv[-1]))
