"""
Has the processes that run functions on localhost tell their peak memory and CPU time, and knows how much memory a
forked process began with. Every Python of the benchmark's Airflow imports this at its start.
"""

from __future__ import annotations

import atexit
import os
import resource
import sys
import time

_FOLDER = os.environ.get("BENCHMARK_PEAKS")


def _report(pid: int = os.getpid()) -> None:
    """Write the larger of this process's peak and that of the calls it forked, in bytes, and their CPU seconds."""
    if os.getpid() != pid or _FOLDER is None or "run_job" not in sys.argv:
        return
    with open("/proc/self/status") as status:
        # What getrusage says of this process has in it what its parent had when it forked.
        own = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    calls = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.path.join(_FOLDER, f"functions.{pid}"), "w") as file:
        file.write(f"{max(own, calls.ru_maxrss) * 1024} {time.process_time() + calls.ru_utime + calls.ru_stime}")


def _note_start() -> None:
    """Note what this fork has in memory from its parent."""
    global start_bytes
    with open("/proc/self/statm") as sizes:
        start_bytes = int(sizes.read().split()[1]) * resource.getpagesize()


start_bytes = 0
"""What this process had in memory when it was forked."""
if _FOLDER is not None and os.path.exists("/proc/self/status"):
    os.register_at_fork(after_in_child=_note_start)
    atexit.register(_report)  # a runner may learn which job it runs long after its start
