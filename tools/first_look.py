"""A first job on this machine, by the jobs layer alone: what ``make demo`` shows while there is no Airflow yet."""

from __future__ import annotations

import sys
import time

from lithops_provider.jobs import JobRun, LithopsClient, Options, bind_items, make_spec, resolve_config

BELOW, ITEMS = 20_000_000, 200
KNOWN = 1_270_607
"""Primes below 20,000,000: https://oeis.org/A000720."""


def count_primes(start: int, end: int) -> int:
    """Count the primes from ``start`` up to but not including ``end``, by a sieve."""
    odds = bytearray([1]) * ((end - start) // 2)  # odds[i] stands for start + 1 + 2 * i
    for n in range(3, int(end**0.5) + 1, 2):
        first = max(n * n, -(-start // n) * n)
        first += n if first % 2 == 0 else 0
        odds[(first - start) // 2 :: n] = bytes(len(range((first - start) // 2, len(odds), n)))
    return sum(odds)  # of the first interval, 1 is no prime, and 2 is one


def main() -> int:
    """Run the job, say what came out and return the exit status."""
    begin = time.monotonic()
    size = BELOW // ITEMS
    intervals = [(start, start + size) for start in range(0, BELOW, size)]
    client = LithopsClient(resolve_config({"lithops": {"backend": "localhost", "storage": "localhost"}}))
    run = JobRun(client, make_spec("map", *bind_items(count_primes, intervals), Options()), poll_interval=0.5)
    run.submit()
    run.finish()
    found = sum(run.results())
    run.clean()
    calls = run.job.rounds[0].calls
    print(
        f"   {found:,} primes below {BELOW:,}: {ITEMS} items in {calls} calls, {time.monotonic() - begin:.1f} s",
        flush=True,
    )
    if found != KNOWN:
        print(f"   That is wrong: there are {KNOWN:,}.", file=sys.stderr)
    return int(found != KNOWN)


if __name__ == "__main__":
    sys.exit(main())
