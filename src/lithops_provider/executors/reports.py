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
    Says that a workload has another state.

    :param workload: the workload
    :param state: Airflow's name of the state; None if another call runs the task, so that this one's end means nothing
    :param over: whether it is the workload's last state
    :param info: if the workload isn't over, the name of its call; if it has failed, why; else None
    :param output: what the call printed and the traceback, if it has failed
    """

    workload: Workload
    state: Any
    over: bool
    info: str | None = None
    output: str = ""


@dataclass(frozen=True)
class Taken:
    """
    Says that a task of a scheduler that has died is taken over: its call is followed from now on.

    :param workload: the task
    """

    workload: Workload


@dataclass(frozen=True)
class Again:
    """
    Says that a task of a scheduler that has died is to be queued again, since no call of it has begun.

    :param workload: the task
    """

    workload: Workload


#: Carries reports from the threads to the scheduler's loop. A deque's ``append`` and ``popleft`` are atomic.
Reports = deque[Report | Taken | Again]
