"""What the calls of a job have told of its items, without their results."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from lithops_provider.jobs.headers import read_header
from lithops_provider.jobs.item_table import ItemTable, Part
from lithops_provider.jobs.remote.parts import parse_part_name
from lithops_provider.jobs.remote.results import current_parts

if TYPE_CHECKING:
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.headers import Header
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.jobs.remote.outcomes import Outcomes

logger = logging.getLogger(__name__)

#: Parts whose headers are read at most, each in a request of its own, and by how many threads.
_PARTS, _READERS = 1_000, 16

Columns = Iterable[tuple["array[int]", "array[float]", "array[int]"]]


class Told(NamedTuple):
    """
    What the calls of a job have told of its items.

    :param succeeded: items that succeeded in any try
    :param failed: items that failed in all
    :param columns: index, seconds and peak memory of all tries; None if nobody has read them
    :param written: bucket and prefix of each place where items have written objects
    :param ended: when the last try ended by its worker's clock, if that is known
    """

    succeeded: int
    failed: int
    columns: Columns | None
    written: Set[tuple[str, str]] = frozenset()
    ended: float | None = None


def told_by(outcomes: Outcomes) -> Told:
    """
    Returns what outcomes tell that were read.

    :param outcomes: of all items
    """
    return Told(outcomes.succeeded, len(outcomes.failed), outcomes.columns(), outcomes.written())


def read_told(client: LithopsClient, job: LithopsJob) -> Told:
    """
    Reads what a job's calls have told by now, without the results: the headers of its parts, or, if those are very
    many, only their names.

    :param client: where the job runs
    :param job: its value
    """
    found: list[tuple[int, str]] = []
    succeeded = failed = 0
    for number in range(len(job.rounds)):
        keys = current_parts(client.keys(job.bucket, f"{job.round_prefix(number)}/"))
        found += [(number, key) for key in keys]
        latest: dict[str, tuple[int, int]] = {}
        for folder, _, file_name in (key.rpartition("/") for key in keys):
            if (name := parse_part_name(file_name)) is not None:
                latest[folder] = max(latest.get(folder, (0, 0)), (name.done, name.failed))
        failed = sum(entry[1] for entry in latest.values())
        succeeded += sum(entry[0] for entry in latest.values()) - failed
    if len(found) > _PARTS:
        return Told(succeeded, failed, None)
    with ThreadPoolExecutor(_READERS) as pool:
        headers = list(pool.map(lambda entry: _read(client, job, entry[1]), found))
    known = [(*entry, header) for entry, header in zip(found, headers, strict=True) if header is not None]
    counts = ItemTable(job.items, [Part.of(number, 0, key, header) for number, key, header in known]).counts()
    ends = [header.started[-1] + header.seconds[-1] for *_, header in known if header.started]
    columns = [(header.index, header.seconds, header.peak_memory) for *_, header in known]
    written = frozenset().union(*(header.written for *_, header in known))
    return Told(counts["succeeded"], counts["failed"], columns, written, max(ends, default=None))


def _read(client: LithopsClient, job: LithopsJob, key: str) -> Header | None:
    try:
        return read_header(client, job.bucket, key, job.items)
    except ValueError:
        logger.warning("The part %s can't be read", key, exc_info=True)
        return None
