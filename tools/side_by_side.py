"""Runs make's targets in two places at once: what waits for Airflow leaves a core to what computes."""

from __future__ import annotations

import subprocess
import sys
import tempfile


def main(behind: str, before: str) -> int:
    """
    Make some targets, and show what they print at the end, while others are made that print right away.

    :param behind: targets, separated by spaces
    :param before: targets, the same
    :return: 0 if all succeeded
    """
    print(f"== make {behind}, beside make {before}: the first is shown when the second is over", flush=True)
    make = ["make", "--no-print-directory"]
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen([*make, *behind.split()], stdout=output, stderr=subprocess.STDOUT)
        try:
            status = subprocess.run([*make, *before.split()], check=False).returncode
            also = beside.wait()
        finally:
            if beside.poll() is None:
                beside.terminate()
                beside.wait()
            output.seek(0)
            print(f"== make {behind}", flush=True)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    print(f"== make {before}: {_verdict(status)}; make {behind}: {_verdict(also)}", flush=True)
    return status or also


def _verdict(status: int) -> str:
    return "failed" if status else "passed"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
