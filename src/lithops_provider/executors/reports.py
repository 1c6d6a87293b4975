"""
What the executor's threads tell the scheduler's loop, which alone may call the methods of Airflow's executors:
sender.py, watcher.py and adoption.py append reports, and lithops_executor.py takes them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from lithops_provider.executors.workload import Workload


@dataclass(frozen=True)
class Report:
    """
    A workload has another state.

    :param workload: the workload
    :param state: Airflow's; None if another call runs the task, so that this one has nothing to say
    :param over: whether it is its last
    :param info: the id of its call if it isn't over, else why it has failed; None if there is nothing to say
    :param output: what its call has left behind, if it has failed
    """

    workload: Workload
    state: Any
    over: bool
    info: str | None = None
    output: str = ""


@dataclass(frozen=True)
class Taken:
    """
    A task of a scheduler that has died is gone on with.

    :param workload: the task; its call is followed from now on
    """

    workload: Workload


@dataclass(frozen=True)
class Again:
    """
    A task of a scheduler that has died is to be queued again: no call of it has begun.

    :param workload: the task
    """

    workload: Workload


#: Takes reports out of threads. A deque's ``append`` and ``popleft`` are atomic.
Reports = deque[Report | Taken | Again]
