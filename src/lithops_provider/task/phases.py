"""
The phases of a task: the jobs that it runs one after another. A call or a map has a single one; a map-reduce has
``map``, ``reduce``, and between them those that its kind of reduce needs, such as ``reduce-1``, ``reduce-2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lithops_provider.jobs.job import JobKind

#: The name of a phase. Airflow's database has it with deferred tasks and in XComs, and the page in its address.
Phase = str


_OTHERS: dict[Phase, JobKind] = {"call": "call", "map": "map"}


def kind_of(phase: Phase) -> JobKind:
    """Returns the kind of a phase's job: all that is neither a call nor a map reduces."""
    return _OTHERS.get(phase, "reduce")
