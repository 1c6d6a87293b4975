"""
All primes below 1,000,000,000, found in 10,000 intervals by one task, and checked against what is known.

The map sieves each interval of 100,000 numbers and returns what is worth knowing about it, the reduce puts the
10,000 answers together, and the last task compares them with the published values. Nothing is stored in Airflow
but the few numbers at the end.
"""

from __future__ import annotations

import itertools
from typing import Any

from airflow.sdk import DAG, task

from lithops_provider.operators import LithopsMapReduceOperator

BELOW = 1_000_000_000
INTERVAL = 100_000

KNOWN = {
    "primes": 50_847_534,  # https://oeis.org/A006880
    "twins": 3_424_506,  # https://oeis.org/A007508
    "gap": 282,  # https://oeis.org/A005250
    "gap_follows": 436_273_009,  # https://oeis.org/A002386
}


def odd_primes(below: int) -> list[int]:
    """Return the odd primes below a small number."""
    sieve = bytearray([1]) * below
    for n in range(3, int(below**0.5) + 1, 2):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, below, n)))
    return [n for n in range(3, below, 2) if sieve[n]]


SMALL_PRIMES = odd_primes(int(BELOW**0.5) + 1)  # what a function refers to travels with it


def sieve_interval(start: int) -> dict[str, int]:
    """Find the primes of one interval by the sieve of Eratosthenes, and describe them."""
    first = start + 1  # the even numbers are left out: odds[i] stands for first + 2 * i
    odds = bytearray([1]) * (INTERVAL // 2)
    for prime in SMALL_PRIMES:
        if prime * prime >= start + INTERVAL:
            break
        multiple = max(prime * prime, -(-first // prime) * prime)
        at = (multiple + prime * (multiple % 2 == 0) - first) // 2
        odds[at::prime] = bytes(len(range(at, len(odds), prime)))
    if start == 0:
        odds[0] = 0  # 1 is no prime
    bits = int.from_bytes(odds, "little")
    lowest, highest = odds.index(1), odds.rindex(1)
    widest = max(odds[lowest : highest + 1].split(b"\1"), key=len)
    return {
        "primes": odds.count(1) + (start == 0),  # and 2 is one
        "twins": (bits & bits >> 8).bit_count(),  # neighbours that are both 1
        "first": first + 2 * lowest,
        "last": first + 2 * highest,
        "gap": 2 * (len(widest) + 1),
        "gap_follows": first + 2 * odds.index(b"\1" + widest + b"\1"),
    }


def put_together(intervals: list[dict[str, int]]) -> dict[str, int]:
    """Add up the intervals, and look at the gaps between each and the next."""
    gaps = [(interval["gap"], interval["gap_follows"]) for interval in intervals]
    between = [(right["first"] - left["last"], left["last"]) for left, right in itertools.pairwise(intervals)]
    widest, follows = max(gaps + between, key=lambda gap: (gap[0], -gap[1]))  # the first of the widest
    return {
        "primes": sum(interval["primes"] for interval in intervals),
        "twins": sum(interval["twins"] for interval in intervals) + sum(gap == 2 for gap, _ in between),
        "gap": widest,
        "gap_follows": follows,
    }


with DAG("lithops_primes", schedule=None, tags=["lithops", "example"], doc_md=__doc__):
    primes = LithopsMapReduceOperator(
        task_id="primes",
        map_function=sieve_interval,
        map_iterdata=range(0, BELOW, INTERVAL),
        reduce_function=put_together,
    )

    @task
    def check(found: dict[str, Any]) -> str:
        """Compare the answer with the published one."""
        if found != KNOWN:
            raise ValueError(f"The published values are {KNOWN}, not {found}.")
        return f"all {len(KNOWN)} numbers are as published"

    check(primes.output)
