"""Functions that the tests of this folder run on every backend."""

from __future__ import annotations

import gzip
import os
import signal
import time
from typing import Any


def add(x: int, y: int = 1) -> int | None:
    return None if x == 3 else x + y


def total(results: list[int | None]) -> int:
    return sum(result or 0 for result in results)


def inverse(x: int) -> float:
    print("about to divide by", x)  # noqa: T201
    return 1 / x


def begin_and_sleep(storage: Any, x: int, mark: str) -> None:
    """Leaves a mark in the bucket when it begins, and then sleeps for longer than any test."""
    storage.put_object(storage.bucket, f"{mark}/{x}", b"")
    time.sleep(3600)


def die_once(x: int, storage: Any, mark: str) -> int:
    """Kills all processes of its call, as a machine does that runs out of memory or is taken away."""
    if x == 1 and not storage.list_keys(storage.bucket, mark):
        storage.put_object(storage.bucket, mark, b"")
        others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
        for pid in [*others, os.getpid()]:
            try:
                if os.getsid(pid) == os.getsid(0):
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return x


def size(obj: Any) -> int:
    return len(obj.data_stream.read())


def describe(obj: Any) -> tuple[str, int, int, list[str]]:
    return obj.key, obj.part, obj.total_parts, [line.decode() for line in obj.data_stream]


def count_zipped(obj: Any) -> int:
    with gzip.open(obj.data_stream) as lines:
        return sum(1 for _ in lines)


def gather(results: list[tuple[str, int, int, list[str]]]) -> list[Any]:
    """Returns the key of the object that all these chunks are of, and the number of its lines."""
    (key,) = {key for key, *_ in results}
    return [key, sum(len(lines) for *_, lines in results)]


def rows_of_table(obj: Any) -> list[Any]:
    return [[int(row["number"]), row["text"]] for row in obj.csv()]


def rows_of_frame(obj: Any) -> list[Any]:
    return [[int(number), str(text)] for number, text in obj.dataframe().itertuples(index=False)]
