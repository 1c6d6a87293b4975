"""Runs make's targets beside each other: what waits for Airflow leaves the cores to what computes."""

from __future__ import annotations

import signal
import subprocess
import sys
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
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for group in behind:
            with _log(group).open("wb") as output:
                started[group] = subprocess.Popen([*make, *group.split()], stdout=output, stderr=subprocess.STDOUT)
        started[before] = subprocess.Popen([*make, *before.split()])
        for process in reversed(started.values()):
            process.wait()
    except SystemExit:
        for process in started.values():
            process.terminate()
        raise
    finally:  # after Ctrl-C, which all of them have got, they clean up
        statuses = {group: process.wait() for group, process in started.items()}
        for group in (group for group in behind if group in started):
            _show(group)
    for group, status in reversed(statuses.items()):
        print(f"== make {group}: {'failed' if status else 'passed'}", flush=True)
    return int(any(statuses.values()))


def _log(group: str) -> Path:
    return LOGS / f"{group.replace(' ', '-')}.log"


def _show(group: str) -> None:
    """Show what a group has printed."""
    print(f"== make {group}", flush=True)
    sys.stdout.buffer.write(_log(group).read_bytes())
    sys.stdout.flush()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Stop at the first SIGTERM, which a whole group of processes gets and which a make gives on once more."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:-1], before=sys.argv[-1]))
