"""
Counts a job's items, and collects how long they took and where they wrote objects, without reading results. From this,
a task's run, sensors and the listener make the summary of a job.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, NamedTuple

from lithops_provider.jobs.gather.outcomes import gather_outcomes
from lithops_provider.jobs.remote.outcomes import Durations, Outcomes
from lithops_provider.jobs.remote.parts import parse_part_name
from lithops_provider.jobs.remote.results import current_parts

if TYPE_CHECKING:
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.job import LithopsJob

#: Parts whose headers are read at most, since each takes a request.
_PARTS = 1_000


class ItemTally(NamedTuple):
    """
    What the calls of a job have reported about its items. An item has a try in each round that it was sent in.

    :param succeeded: number of items that succeeded in one of their tries
    :param failed: number of items that failed in all of them
    :param durations: how long all tries took; None if that wasn't read
    :param written: bucket and prefix of each place where items have written objects
    :param ended: when the last try ended by its worker's clock; None if that isn't known
    """

    succeeded: int
    failed: int
    durations: Durations | None
    written: Set[tuple[str, str]] = frozenset()
    ended: float | None = None


def tally_of(outcomes: Outcomes) -> ItemTally:
    """
    Returns the tally of outcomes that were read before.

    :param outcomes: the outcomes of all items
    """
    return ItemTally(
        outcomes.succeeded, len(outcomes.failed), outcomes.durations(), outcomes.written(), outcomes.ended()
    )


def read_tally(client: LithopsClient, job: LithopsJob) -> ItemTally:
    """
    Reads what a job's calls have reported by now. It reads the headers of the parts; if there are too many, it counts
    by the names of parts alone.

    :param client: where the job runs
    :param job: its value
    :raises StorageUnavailableError: the storage doesn't answer, or a part is damaged
    """
    rounds = range(len(job.rounds))
    parts = [current_parts(client.keys(job.bucket, f"{job.round_prefix(number)}/")) for number in rounds]
    if sum(map(len, parts)) > _PARTS:
        return _tally_of_names(parts)
    outcomes = Outcomes()
    for number in rounds:
        outcomes.update(gather_outcomes(client, job, number, results=False))
    return tally_of(outcomes)


def _tally_of_names(parts: list[list[str]]) -> ItemTally:
    succeeded = failed = 0
    for keys in parts:
        latest: dict[str, tuple[int, int]] = {}
        for folder, _, file_name in (key.rpartition("/") for key in keys):
            name = parse_part_name(file_name)
            assert name is not None  # `current_parts` returns keys of parts alone
            latest[folder] = max(latest.get(folder, (0, 0)), (name.done, name.failed))
        failed = sum(entry[1] for entry in latest.values())
        succeeded += sum(entry[0] for entry in latest.values()) - failed
    return ItemTally(succeeded, failed, None)
