"""Runs make's targets beside each other: what waits for Airflow leaves the cores to what computes."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

LOGS = Path("build") / "side_by_side"
"""Here each group that runs behind writes what it prints, so that one that hangs can be looked at."""


def main(*behind: str, before: str) -> int:
    """
    Make groups of targets, each group one after another, and show what they print at the end, while another group is
    made that prints right away.

    :param behind: groups of targets, separated by spaces
    :param before: the group that prints
    :return: 0 if all succeeded
    """
    signal.signal(signal.SIGTERM, _end)
    LOGS.mkdir(parents=True, exist_ok=True)
    print(f"== make {before}, beside make {', make '.join(behind)}, shown at the end and in {LOGS}", flush=True)
    make = ["make", "--no-print-directory", "--keep-going"]
    statuses: dict[str, int] = {}
    with ExitStack() as stack:
        started: dict[str, subprocess.Popen[bytes]] = {}
        for group in behind:
            log = LOGS / f"{group.replace(' ', '-')}.log"
            with log.open("wb") as output:
                started[group] = subprocess.Popen([*make, *group.split()], stdout=output, stderr=subprocess.STDOUT)
            stack.callback(_show, group, started[group], log)
        statuses[before] = subprocess.run([*make, *before.split()], check=False).returncode
        statuses.update({group: process.wait() for group, process in started.items()})
    for group, status in statuses.items():
        print(f"== make {group}: {'failed' if status else 'passed'}", flush=True)
    return int(any(statuses.values()))


def _show(group: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Show what a group has printed; end it if it isn't over, as after Ctrl-C."""
    over = process.poll() is not None
    print(f"== make {group}{'' if over else ': not over, as far as it came'}", flush=True)
    sys.stdout.buffer.write(log.read_bytes())
    sys.stdout.flush()
    if not over:
        process.terminate()
        process.wait()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Stop as after Ctrl-C, so that whoever set a time limit sees what hangs."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:-1], before=sys.argv[-1]))
