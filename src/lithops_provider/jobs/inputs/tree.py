"""
Makes the items of a level of a tree of reduces: each names some of the results of the level before. `TreeReduce` of
reductions.py calls it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from lithops_provider.jobs.binding.function import chunked
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.inputs.references import locate_results
from lithops_provider.jobs.job import LithopsJob

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Arguments

#: Where results are: pairs of a part's key, and where each result begins and ends in it.
Spans = list[tuple[str, list[tuple[int, int]]]]


def tree_items(client: LithopsClient, before: LithopsJob, fan_in: int) -> list[Arguments]:
    """
    Returns the items of a level: groups of neighbouring results of about the same size. What failed is left out.

    :param client: where the jobs are
    :param before: the finished job of the level before, or of the map
    :param fan_in: results in a group at most
    """
    places = successes(client, before)
    groups = chunked(range(len(places)), max(1, math.ceil(len(places) / fan_in)))
    return [
        ((), {}, {"results": [(0, [{"bucket": before.bucket, "spans": spans_of(places, group)}], False)]})
        for group in groups
    ]


def successes(client: LithopsClient, job: LithopsJob) -> list[tuple[str, tuple[int, int]]]:
    """
    Returns where the results of a job are, in the order of its items: the key of a part, and the bytes in it. Items
    that failed are left out.

    :param client: where it is
    :param job: its value; it has to be over
    """
    return [(where[0], where[2]) for where, failure in locate_results(client, job) if failure is None]


def spans_of(places: list[tuple[str, tuple[int, int]]], group: Sequence[int]) -> Spans:
    """
    Returns some results as the functions read them, see `lithops_provider.jobs.remote.reduce.spans.read_sized`.

    :param places: from `successes`
    :param group: which of them
    """
    return [
        (key, [span for _, span in found])
        for key, found in groupby((places[index] for index in group), key=lambda place: place[0])
    ]
