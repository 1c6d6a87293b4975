"""
Finds the parts of a job in storage and reads the outcomes in them. Functions that read another job's results call it,
and the processes that follow and gather a job.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import parts
from .outcomes import Outcomes, Part

#: How many objects of a job are read at a time.
READERS = 16


def current_parts(keys: list[str]) -> list[str]:
    """
    Returns the keys without those of parts that a later part replaces: a call stores the new one before it deletes the
    old one.

    :param keys: keys of parts, of any number of calls
    """
    best: dict[tuple[str, int], tuple[int, str]] = {}
    for key in keys:
        folder, _, file_name = key.rpartition("/")
        name = parts.parse_part_name(file_name)
        if name is None:
            continue
        known = best.get((folder, name.first))
        if known is None or name.done > known[0]:
            best[folder, name.first] = (name.done, key)
    return [key for _, key in best.values()]


def read_outcomes(storage: Any, bucket: str, keys: list[str], damaged: list[str]) -> Outcomes:
    """
    Reads parts.

    :param storage: a Lithops Storage
    :param bucket: the job's bucket
    :param keys: keys of parts. If two parts have the same item, a success counts, or else the later key
    :param damaged: a list to which the keys of parts that aren't whole are added, which are left out
    """
    outcomes = Outcomes()

    def read(key: str) -> Part | None:
        try:
            return Part.decode(storage.get_object(bucket, key))
        except parts.DamagedPartError:
            damaged.append(key)
            return None

    with ThreadPoolExecutor(READERS) as pool:
        for part in pool.map(read, sorted(keys)):
            if part is not None:
                outcomes.add_part(part)
    return outcomes
