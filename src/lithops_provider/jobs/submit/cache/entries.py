"""
Reads, writes and deletes entries of the cache. An entry holds the results of one run of one function, and is never
changed, so two runs at once can't overwrite each other's. Entries lie beside the jobs in storage, so that deleting a
job's data leaves them alone. rounds.py, `clear_cache` of the hook, and the command line call it.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.keys import FUNCTION, JOBS_PREFIX
from lithops_provider.jobs.remote.outcomes import Part
from lithops_provider.jobs.remote.results import READERS
from lithops_provider.jobs.submit.cache.digests import SIZE

logger = logging.getLogger(__name__)

CACHE_PREFIX = f"{JOBS_PREFIX}/cache"
#: In the place of the digest of an item whose result isn't to be taken.
NOT_CACHED = bytes(SIZE)
_VERSION = 1
_ENTRY = re.compile(rf"({re.escape(CACHE_PREFIX)}/([0-9a-f]{{32}})/([0-9]{{13}})-[0-9a-f]{{16}}-0)/")


@dataclass(frozen=True)
class CacheEntry:
    """
    An entry: the results of one run.

    :param prefix: the prefix of its objects, without a slash at its end
    :param function: digest of the function
    :param created: when the run was over, in seconds since the epoch
    """

    prefix: str
    function: str
    created: float

    @classmethod
    def new(cls, function: str, executor_id: str) -> CacheEntry:
        """
        Returns an entry that is yet to be stored.

        :param function: digest of the function
        :param executor_id: executor id of the job that has the results
        """
        now = time.time()
        return cls(f"{CACHE_PREFIX}/{function}/{int(now * 1000):013d}-{executor_id}", function, now)

    @property
    def index_key(self) -> str:
        """Key of the object that says which items' results are in the parts. It is written last."""
        return f"{self.prefix}/index"

    @property
    def modules_key(self) -> str:
        """Key of a copy of the job's ``func.pickle``, which has modules that its results may need."""
        return f"{self.prefix}/{FUNCTION}"

    def part_key(self, number: int) -> str:
        """Returns the key of a copy of a part of the job."""
        return f"{self.prefix}/{number:05d}"


@dataclass(frozen=True)
class CacheIndex:
    """
    Says what an entry holds.

    :param name: the function's name
    :param parts: for each part, the digests of the items in its rows
    """

    name: str
    parts: list[list[bytes]]

    def encode(self) -> bytes:
        """Returns the index as it is stored."""
        head = json.dumps({"version": _VERSION, "name": self.name}).encode()
        return frames.pack([head, *(b"".join(part) for part in self.parts)])

    @classmethod
    def decode(cls, data: bytes) -> CacheIndex:
        """
        Reads what `encode` returned.

        :raises ValueError: it is something else, or cut off
        """
        head, *parts = (bytes(frame) for frame in frames.unpack(data))
        found = json.loads(head)
        if not isinstance(found, dict) or found.get("version") != _VERSION or any(len(part) % SIZE for part in parts):
            raise ValueError("it is no index of this version")
        rows = [[part[at : at + SIZE] for at in range(0, len(part), SIZE)] for part in parts]
        return cls(str(found.get("name")), rows)

    @property
    def items(self) -> int:
        """How many results there are."""
        return sum(digest != NOT_CACHED for part in self.parts for digest in part)


def list_entries(client: LithopsClient, function: str | None = None) -> dict[CacheEntry, list[str]]:
    """
    Returns the entries with the keys of their objects, the latest first.

    :param client: its bucket is the one with the entries
    :param function: digest of the function whose entries are wanted; None for the entries of all functions
    """
    prefix = f"{CACHE_PREFIX}/" if function is None else f"{CACHE_PREFIX}/{function}/"
    found: dict[CacheEntry, list[str]] = {}
    for key in client.keys(client.bucket, prefix):
        if (match := _ENTRY.match(key)) is not None:
            found.setdefault(CacheEntry(match[1], match[2], int(match[3]) / 1000), []).append(key)
    return dict(sorted(found.items(), key=lambda entry: entry[0].prefix.rpartition("/")[2], reverse=True))


def read_indexes(client: LithopsClient, entries: Iterable[CacheEntry]) -> Iterator[tuple[CacheEntry, CacheIndex]]:
    """
    Yields entries with their indexes. Entries whose index is missing or damaged are left out.

    :param client: where they are
    :param entries: from `list_entries`
    """

    def read(entry: CacheEntry) -> CacheIndex | None:
        data = client.get(client.bucket, entry.index_key, large=True)
        try:
            return None if data is None else CacheIndex.decode(data)
        except ValueError as error:
            logger.warning("%s is damaged, and is taken to be missing: %s", entry.index_key, error)
            return None

    listed = list(entries)
    with ThreadPoolExecutor(READERS) as pool:
        for entry, index in zip(listed, pool.map(read, listed), strict=True):
            if index is not None:
                yield entry, index


def read_part(client: LithopsClient, entry: CacheEntry, number: int, rows: int) -> Part | None:
    """
    Returns a part of an entry with its results, still pickled; None if it is missing or damaged.

    :param client: where it is
    :param entry: the entry
    :param number: the number of the part
    :param rows: how many items the part has, as the index says
    """
    key = entry.part_key(number)
    data = client.get(client.bucket, key, large=True)
    try:
        part = None if data is None else Part.decode(data)
    except ValueError:
        part = None
    if part is None or len(part.index) != rows:
        logger.warning("%s is missing or damaged: what it has held is run again", key)
        return None
    return part


def clear_cache(client: LithopsClient, seconds: float = 0.0) -> int:
    """
    Deletes entries of the cache.

    :param client: its bucket is cleaned
    :param seconds: how many seconds ago an entry must have been made at least to be deleted
    :returns: how many entries were deleted
    """
    latest = time.time() - seconds
    old = [keys for entry, keys in list_entries(client).items() if entry.created <= latest]
    client.delete(client.bucket, [key for keys in old for key in keys])
    return len(old)
