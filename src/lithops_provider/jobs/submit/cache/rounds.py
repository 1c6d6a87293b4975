"""
Takes results out of the cache when a job is sent, and puts the job's own results into it when it is over. Results out
of the cache become a round of the job with a single call that has ended, so code that follows, gathers or shows a job
needs to know nothing about the cache. `JobRun` calls it.
"""

from __future__ import annotations

import json
import logging
import re
import time
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.keys import CACHED, FUNCTION, STATUS, call_id
from lithops_provider.jobs.remote.outcomes import Part
from lithops_provider.jobs.remote.parts import DamagedPartError, PartBuilder, PartName, part_key
from lithops_provider.jobs.remote.reports import Block
from lithops_provider.jobs.remote.results import current_parts
from lithops_provider.jobs.submit.cache.digests import SIZE, digest_arguments, digest_function, digest_with_items
from lithops_provider.jobs.submit.cache.entries import (
    NOT_CACHED,
    CacheEntry,
    CacheIndex,
    list_entries,
    read_indexes,
    read_part,
)
from lithops_provider.jobs.submit.cutting import cut_items
from lithops_provider.jobs.submit.plan import store_plan
from lithops_provider.jobs.submit.send import PART_SIZE, Record
from lithops_provider.jobs.submit.spec import JobSpec

logger = logging.getLogger(__name__)

#: How many items a part of cached results has at most.
_PART_ITEMS = 1 << 17
_HEXADECIMAL = re.compile(rb"[0-9a-f]{32}")


def send_cached(client: LithopsClient, job: LithopsJob, spec: JobSpec, record: Record) -> LithopsJob:
    """
    Makes a first round of a job out of results that its items had in earlier runs. If there are none, there is no such
    round.

    :param client: where it is to run
    :param job: its value
    :param spec: what it does
    :param record: called with the job's new value before the round is stored
    :returns: the job's new value
    :raises InvalidInputError: the function or an item can't be digested
    """
    code, digests = digest_function(spec), digest_arguments(spec)
    function = digest_with_items(spec, code)
    client.put(_key(job), frames.pack([function.encode(), code.encode(), b"".join(digests)]))
    planned = job.with_round(0, 1)
    writer = _CachedPart(client, f"{planned.round_prefix()}/00000")
    for index, result in _find(client, spec, function, digests, planned):
        writer.add(index, result)
    writer.store()
    if not writer.taken:
        return job
    taken = sorted(writer.taken)
    job = job.with_round(len(taken), 1)
    record(job)
    (blocks,) = cut_items(spec.items, [range(len(spec.items))])
    client.put_pieces(job.items_key(), lambda: frames.framed(blocks), blocks.size)
    client.put(f"{job.round_prefix()}/{call_id(0)}/{STATUS}", json.dumps({"exception": False}).encode())
    client.put(job.sent_key(), b"")
    store_plan(client, job, [taken], None)
    logger.info("%d of %d item(s) of %s were taken from the cache", len(taken), job.items, spec.name)
    return job


def count_cached(client: LithopsClient, job: LithopsJob) -> int:
    """
    Returns how many items of a job were taken from the cache.

    :param client: where it ran
    :param job: its value, of a job with ``cache``
    """
    if not job.rounds or client.get(job.bucket, f"{job.round_prefix(0)}/{CACHED}") is None:
        return 0
    return job.rounds[0].items


def store_results(client: LithopsClient, job: LithopsJob, spec: JobSpec) -> None:
    """
    Puts the results of a job that is over into the cache, except those that it has taken from there.

    :param client: where it ran
    :param job: its value
    :param spec: what it has done
    """
    known = _read_digests(client, job)
    if known is None:
        logger.warning("The results of %s are not cached: %s is missing or damaged", spec.name, _key(job))
        return
    if known.code != digest_function(spec):
        logger.warning("The results of %s are not cached: the function has changed since it was sent", spec.name)
        return
    entry = CacheEntry.new(known.function, job.executor_id)
    rows: list[list[bytes]] = []
    for part, data in _own_parts(client, job):
        digests = [
            NOT_CACHED if part.failed(row) or index >= job.items else known.items[index]
            for row, index in enumerate(part.index)
        ]
        if any(digest != NOT_CACHED for digest in digests):
            client.put(entry.part_key(len(rows)), data)
            rows.append(digests)
    if not rows:
        return
    modules = client.get(job.bucket, f"{job.round_prefix()}/{FUNCTION}", large=True)
    if modules is not None:
        client.put(entry.modules_key, modules)
    client.put(entry.index_key, CacheIndex(spec.name, rows).encode())


class _CachedPart:
    """
    Writes results out of the cache as parts of a call. None becomes much larger than the parts that calls write.

    :param client: where the job is to run
    :param prefix: the prefix of the call's objects
    """

    def __init__(self, client: LithopsClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._results: list[memoryview] = []
        self._size = 0
        self.taken: list[int] = []

    def add(self, index: int, result: memoryview) -> None:
        """Adds the result of an item. In the part, the item has taken no time."""
        self._results.append(result)
        self._size += len(result)
        self.taken.append(index)
        if self._size >= PART_SIZE or len(self._results) >= _PART_ITEMS:
            self.store()

    def store(self) -> None:
        """Stores what was added since the last time."""
        count = len(self._results)
        if not count:
            return
        builder = PartBuilder()
        nothing = array("d", [0.0]) * count
        sizes = array("Q", map(len, self._results))
        block = Block(nothing, nothing, array("q", [0]) * count, sizes, b"".join(self._results))
        builder.add_block(self.taken[-count:], block, time.time())
        name = PartName(len(self.taken) - count, len(self.taken), 0)
        self._client.put(part_key(self._prefix, name), builder.encode())
        self._results, self._size = [], 0


def _find(
    client: LithopsClient, spec: JobSpec, function: str, digests: list[bytes], job: LithopsJob
) -> Iterator[tuple[int, memoryview]]:
    """Yields the index of each item that had a result in an earlier run, and the result. Later runs come first."""
    oldest = 0.0 if spec.options.cache_expiration is None else time.time() - spec.options.cache_expiration
    wanted: dict[bytes, list[int]] = {}
    for index, digest in enumerate(digests):
        wanted.setdefault(digest, []).append(index)
    entries = [entry for entry in list_entries(client, function) if entry.created >= oldest]
    modules: CacheEntry | None = None
    for entry, found in read_indexes(client, entries):
        for number, rows in enumerate(found.parts):
            if wanted.keys().isdisjoint(rows):
                continue
            part = read_part(client, entry, number, len(rows))
            if part is None:
                continue
            for row, (digest, result) in enumerate(zip(rows, part.pickled(), strict=True)):
                if digest in wanted and not part.failed(row):
                    modules = modules or entry
                    for index in wanted.pop(digest):
                        yield index, result
    if modules is not None:
        _copy_modules(client, modules, job)


def _copy_modules(client: LithopsClient, entry: CacheEntry, job: LithopsJob) -> None:
    client.put(f"{job.round_prefix()}/{CACHED}", b"")
    data = client.get(client.bucket, entry.modules_key, large=True)
    if data is not None:
        client.put(f"{job.round_prefix()}/{FUNCTION}", data)


def _own_parts(client: LithopsClient, job: LithopsJob) -> Iterator[tuple[Part, bytes]]:
    """Yields the parts that calls of the job have written, one at a time."""
    for number in range(1 if count_cached(client, job) else 0, len(job.rounds)):
        for key in sorted(current_parts(client.keys(job.bucket, f"{job.round_prefix(number)}/"))):
            data = client.get(job.bucket, key, large=True)
            try:
                if data is not None:
                    yield Part.decode(data), data
            except DamagedPartError:
                logger.warning("%s is damaged, and is not cached", key)


def _key(job: LithopsJob) -> str:
    """Returns the key of the object that says by which digests the job's results are to be cached."""
    return f"{job.prefix}/cache"


class _Digests(NamedTuple):
    """The digest under which the results of a job are cached; that of the function alone; and those of the items."""

    function: str
    code: str
    items: list[bytes]


def _read_digests(client: LithopsClient, job: LithopsJob) -> _Digests | None:
    data = client.get(job.bucket, _key(job), large=True)
    try:
        function, code, digests = (bytes(frame) for frame in frames.unpack(data or b""))
    except ValueError:
        return None
    if len(digests) != job.items * SIZE or not _HEXADECIMAL.fullmatch(function):
        return None
    rows = [digests[at : at + SIZE] for at in range(0, len(digests), SIZE)]
    return _Digests(function.decode(), code.decode("ascii", "replace"), rows)
