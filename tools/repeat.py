"""
``make repeat``: make test several times, half of them beside a load, and write down how each went.

Needs nothing but Python. What it writes, ``build/repeat.md``, is the record in docs/testing.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build"
BURN = [sys.executable, "-c", "while True: pass"]
#: What make tells the makes below it: the arguments of ``make repeat`` are not those of what it repeats.
OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "TESTS")


def main() -> int:
    """Repeat the command as the command line says; return how often it failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quiet", type=int, default=5, help="runs on a machine that does nothing else (5)")
    parser.add_argument("--loaded", type=int, default=5, help="runs beside a process for each core that burns it (5)")
    parser.add_argument("command", nargs="*", default=["make", "test"], help="what is repeated (make test)")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    record = FOLDER / "repeat.md"
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines = [
        f"`{' '.join(options.command)}` at {commit.stdout.strip()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {platform.system()} {platform.release()}",
        "",
        "| began | machine | minutes | CPU minutes | came out |",
        "| --- | --- | --- | --- | --- |",
    ]
    failures = 0
    for number, loaded in enumerate([False] * options.quiet + [True] * options.loaded):
        log = FOLDER / f"repeat-{number:02d}.log"
        began, status, wall, cpu = run(options.command, log, loaded)
        failures += status != 0
        outcome = "passed" if status == 0 else f"failed with {status}: {log.relative_to(ROOT)}"
        machine = "beside a load" if loaded else "quiet"
        lines.append(f"| {began:%Y-%m-%d %H:%M} | {machine} | {wall / 60:.1f} | {cpu / 60:.1f} | {outcome} |")
        record.write_text("\n".join([*lines, ""]))
        print(lines[-1], flush=True)
    print(f"== {record.relative_to(ROOT)}", flush=True)
    return failures


def run(command: list[str], log: Path, loaded: bool) -> tuple[datetime, int, float, float]:
    """
    Run a command once; return when it began, its status, and the seconds that it took, of the clock and of all cores.

    :param command: the command
    :param log: where its output goes
    :param loaded: whether all cores are burnt meanwhile
    """
    env = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    before, began, start = os.times(), datetime.now(), time.monotonic()
    with log.open("wb") as output, load() if loaded else contextlib.nullcontext():
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, check=False)
        wall, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return began, done.returncode, wall, cpu


@contextlib.contextmanager
def load() -> Iterator[None]:
    """Burn every core."""
    burning = [subprocess.Popen(BURN) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in burning:
            process.send_signal(signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
