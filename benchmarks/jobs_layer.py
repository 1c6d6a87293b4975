"""
The jobs layer without Airflow beside a process pool: items that do next to nothing, in a fresh interpreter each, in
turn. Run by itself, it measures one of them and prints that as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

SIZES = {"ints": 1_000_000, "dicts": 100_000}
"""How many items there are of each kind. A dict has 1 KB."""


def measure(repetitions: int) -> dict[str, Any]:
    """
    Run the jobs layer and the pool in turn.

    :param repetitions: how often
    :return: by kind of items: ``items``, the medians of ``lithops`` and ``pool`` in seconds, of ``cpu_per_item`` in
        seconds of all processes of the jobs layer, and of ``peak_bytes`` of the process that submits
    """
    found: dict[str, Any] = {}
    for kind, items in SIZES.items():
        samples: dict[str, list[dict[str, float]]] = {"lithops": [], "pool": []}
        for _ in range(repetitions):
            for contender, taken in samples.items():
                taken.append(_run(contender, kind, items))

        def median(contender: str, name: str, samples: Any = samples) -> float:
            return statistics.median(sample[name] for sample in samples[contender])

        found[kind] = {
            "items": items,
            "lithops": median("lithops", "seconds"),
            "pool": median("pool", "seconds"),
            "cpu_per_item": median("lithops", "cpu_seconds") / items,
            "peak_bytes": median("lithops", "peak_bytes"),
        }
    return found


def _run(contender: str, kind: str, items: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.jobs_layer", contender, kind, str(items)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=600,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def double(number: int) -> int:
    """Do next to nothing."""
    return 2 * number


def same(record: dict[str, Any]) -> dict[str, Any]:
    """Return what came in."""
    return record


def _items(kind: str, count: int) -> Any:
    if kind == "ints":
        return range(count)
    return [{"number": number, "text": f"{number:0>950}"} for number in range(count)]


def _lithops(function: Callable[[Any], Any], items: Any) -> list[Any]:
    from lithops_provider.jobs import JobRun, LithopsClient, Options, bind_items, make_spec, resolve_config
    from lithops_provider.jobs.adapter.localhost import _runners

    client = LithopsClient(resolve_config())
    # A lone dict would be taken for keyword arguments.
    rows = items if isinstance(items, range) else [(item,) for item in items]
    run = JobRun(client, make_spec("map", *bind_items(function, rows), Options()))
    run.submit()
    run.finish()
    results = run.results()
    run.clean()
    for runner in _runners:
        runner.wait(60)  # so that its CPU time is known
    return results


def _pool(function: Callable[[Any], Any], items: Any) -> list[Any]:
    with ProcessPoolExecutor() as executor:
        chunk = -(-len(items) // (4 * (os.cpu_count() or 1)))
        return list(executor.map(function, items, chunksize=chunk))


def main(contender: str, kind: str, count: int) -> None:
    """Measure one run, from the first import on, and print it."""
    items = _items(kind, count)
    function = double if kind == "ints" else same
    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    results = (_lithops if contender == "lithops" else _pool)(function, items)
    seconds = time.perf_counter() - begin
    if results != [function(item) for item in items]:
        raise RuntimeError("the results are wrong")
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime - before.ru_utime - before.ru_stime + others.ru_utime + others.ru_stime
    found = {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": own.ru_maxrss * 1024}
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
