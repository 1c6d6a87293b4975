"""
Reads the outcomes of a job while its calls store them, each once. Only a few parts are in memory at a time, however
many items the job has. `iter_results` calls it after each look at the job.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.outcomes import Outcome, Part
from lithops_provider.jobs.remote.parts import DamagedPartError, parse_part_name
from lithops_provider.jobs.remote.results import current_parts

logger = logging.getLogger(__name__)

#: How many parts are read, or wait to be taken, at a time. Each has some 8 MiB of results, or a single larger one.
_AHEAD = 4


class Arrivals:
    """
    Takes the outcomes that a job's calls have stored since it last did so.

    :param client: where the job runs
    :param job: its value
    """

    def __init__(self, client: LithopsClient, job: LithopsJob) -> None:
        self._client = client
        self._job = job
        #: For each item, whether its outcome was taken: a byte each, so that a million items take a megabyte.
        self._taken = bytearray(job.items)
        #: How many items of its call were done by each part when it was last read, by folder and first item.
        self._read: dict[tuple[str, int], int] = {}

    def take(self, keys: Iterable[str], *, failures: bool) -> Iterator[list[Outcome]]:
        """
        Yields the outcomes that were not taken before, those of one part at a time.

        :param keys: keys of the job's objects; those that are no parts, or were read before, are left out
        :param failures: whether to take the failures, too; False for a round whose failed items were sent again
        """
        for part in self._parts(key for key in current_parts(list(keys)) if self._is_new(key)):
            rows = (row for row, index in enumerate(part.index) if self._wants(index))
            outcomes = [part[row] for row in rows if failures or not part.failed(row)]
            for outcome in outcomes:
                self._taken[outcome.item] = True
            if outcomes:
                yield outcomes

    def missing(self) -> list[int]:
        """Returns the items whose outcomes were not taken yet."""
        return [index for index, taken in enumerate(self._taken) if not taken]

    def _wants(self, index: int) -> bool:
        return 0 <= index < len(self._taken) and not self._taken[index]

    def _is_new(self, key: str) -> bool:
        place, done = _place(key)
        return self._read.get(place, 0) < done

    def _parts(self, keys: Iterable[str]) -> Iterator[Part]:
        """Yields parts. Reads up to `_AHEAD` of them ahead of the one that is taken."""
        waiting: deque[tuple[str, Future[Part | None]]] = deque()
        with ThreadPoolExecutor(_AHEAD) as pool:
            for key in keys:
                if len(waiting) == _AHEAD:
                    yield from self._arrived(*waiting.popleft())
                waiting.append((key, pool.submit(self._load, key)))
            while waiting:
                yield from self._arrived(*waiting.popleft())

    def _arrived(self, key: str, loading: Future[Part | None]) -> Iterator[Part]:
        part = loading.result()
        if part is not None:  # otherwise the call has replaced it, and the next look finds the new part
            place, done = _place(key)
            self._read[place] = done
            yield part

    def _load(self, key: str) -> Part | None:
        data = self._client.get(self._job.bucket, key, large=True)
        if data is None:
            return None
        try:
            return Part.decode(data)
        except DamagedPartError:
            logger.warning("%s is damaged, cut off for instance, and is taken to be missing", key)
            return None


def _place(key: str) -> tuple[tuple[str, int], int]:
    """Returns the folder and the first item of the part with a key, and how many items of its call are done by it."""
    folder, _, file_name = key.rpartition("/")
    name = parse_part_name(file_name)
    return ((folder, name.first), name.done) if name is not None else ((folder, 0), 0)
