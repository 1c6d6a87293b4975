"""
Makes the items of the phase that writes results into files. Each item is a file, and has references to the results of
neighbouring items, which the calls read from storage: no result passes through the Airflow worker. Which results go
into a file depends on their sizes alone, so the same results give the same files, whatever calls made them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lithops_provider.jobs.binding.function import Binding, bind_function
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.inputs.reduce import NO_CALL, calls_of_items
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.outputs.target import SUFFIXES, Target
from lithops_provider.jobs.outputs.writer import write_file
from lithops_provider.jobs.remote.parts import DamagedPartError
from lithops_provider.jobs.remote.results import READERS, current_parts

if TYPE_CHECKING:
    from lithops_provider.jobs.outputs.writer import FileSpec
    from lithops_provider.jobs.remote.frames import Arguments, Reference

#: Bytes of pickled results after which another file begins. In memory, the call needs several times as much.
FILE_SIZE = 16 << 20


def bind_files() -> Binding:
    """Returns the function that writes a file."""
    return bind_function(write_file, parameter="results_to")


def file_items(
    client: LithopsClient, job: LithopsJob, target: Target, results_format: str, *, pairs: bool, attempt: str
) -> list[Arguments]:
    """
    Returns an item for each file.

    :param client: where the job ran
    :param job: the finished job whose results are to be written
    :param target: where to write them
    :param results_format: one of `lithops_provider.jobs.outputs.target.FORMATS`
    :param pairs: whether the results are lists of pairs of a key and what was reduced under it
    :param attempt: from `lithops_provider.jobs.outputs.target.begin`. As a part of the items it has a retry of the task
        write all of them again if that is needed
    """
    calls_of = [calls_of_items(client, job, number) for number in range(len(job.rounds))]
    items: list[Arguments] = []
    for number, (first, stop) in enumerate(_cut(_sizes(client, job))):
        # The plan says which calls have these items, so that each file only needs what these have stored.
        calls = [None if found is None else sorted({*found[first:stop]} - {NO_CALL}) for found in calls_of]
        spec: FileSpec = {
            "bucket": target.bucket,
            "key": target.key(f"part-{number:05d}.{SUFFIXES[results_format]}"),
            "format": results_format,
            "pairs": pairs,
            "types": None,
            "attempt": attempt,
        }
        only: Reference = {"first": first, "last": stop - 1, "calls": calls, "indexed": True}
        items.append(((), {"spec": spec}, {"results": [(0, [{**job.reference(), **only}], False)]}))
    return items


def _sizes(client: LithopsClient, job: LithopsJob) -> array[int]:
    """Returns the bytes of each item's result, 0 where it failed."""
    sizes = array("q", [0]) * job.items
    keys = [
        key
        for number in range(len(job.rounds))
        for key in current_parts(client.keys(job.bucket, f"{job.round_prefix(number)}/"))
    ]

    def read(key: str) -> list[tuple[int, int]]:
        try:
            header = read_header(client, job.bucket, key, job.items)
        except DamagedPartError:  # its items were run again, and are in another part
            return []
        return [] if header is None else [*zip(header.index, header.size, strict=True)]

    with ThreadPoolExecutor(READERS) as pool:
        for found in pool.map(read, keys):
            for index, size in found:
                sizes[index] = max(sizes[index], size)
    return sizes


def _cut(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields, for each file, the index of its first item, and the index after that of its last."""
    first, total = 0, 0
    for index, size in enumerate(sizes):
        if total and total + size > FILE_SIZE:
            yield first, index
            first, total = index, 0
        total += size
    yield first, len(sizes)
