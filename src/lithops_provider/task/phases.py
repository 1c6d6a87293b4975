"""
The phases of a task, each of which is a job. A call or a map has a single phase; a map-reduce has ``map``, ``reduce``,
and between them those that its kind of reduce needs, such as ``reduce-1``, ``reduce-2``. With ``results_to``, ``write``
and ``rewrite`` follow. The operators and `task/run.py` use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lithops_provider.jobs.job import JobKind

#: The name of a phase. Airflow's database has it with deferred tasks and in XComs, and the page in its address.
Phase = str


_OTHERS: dict[Phase, JobKind] = {"call": "call", "map": "map", "write": "write", "rewrite": "write"}


def kind_of(phase: Phase) -> JobKind:
    """Returns the kind of a phase's job: that of any phase that isn't among `_OTHERS` is a reduce."""
    return _OTHERS.get(phase, "reduce")
