"""
The function that every call of the executor runs, and what the executor knows about a workload: a task, a callback or
the test of a connection. The function is pickled by value, so a runtime needs Airflow, but not this package.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow.utils.state import TaskInstanceState

#: The option of Linux's prctl that sends a signal when the parent ends.
_PDEATHSIG = 1


class TaskAlreadyRunningError(Exception):
    """Another call runs the task. Airflow raises an error of this name itself from 3.2 on."""


class TaskProcessDiedError(Exception):
    """The process of a task has been killed, or has ended before it could tell what became of the task."""


@dataclass(frozen=True, eq=False)
class Workload:
    """
    A workload, from when Airflow hands it to the executor until it is over.

    :param key: Airflow's key of it
    :param id: its id in records: for a task, the id of its try
    :param data: the workload as JSON. A secret: it holds the token by which the task talks to Airflow
    :param running: the state to report once it has begun; None if its beginning isn't reported
    :param success: the state to report when its call has ended without an error, even if the task itself has failed
    :param failure: the state to report when its call has failed
    :param log_path: its log, below ``[logging] base_log_folder``; None if it has none
    :param given: the object that Airflow has handed over
    """

    key: Any
    id: str
    data: str = field(repr=False, default="")
    running: Any = None
    success: Any = TaskInstanceState.SUCCESS
    failure: Any = TaskInstanceState.FAILED
    log_path: str | None = None
    given: Any = field(repr=False, default=None)

    @classmethod
    def of(cls, workload: Any) -> Workload:
        """
        Returns what the executor needs of one of Airflow's workloads.

        :param workload: from ``BaseExecutor.queue_workload``
        """
        data = workload.model_dump_json()
        if not hasattr(workload, "key"):  # Airflow 3.1: a task, there is nothing else
            return cls(workload.ti.key, str(workload.ti.id), data, log_path=workload.log_path, given=workload)
        return cls(
            workload.key,
            str(workload.ti.id if hasattr(workload, "ti") else workload.key),
            data,
            workload.running_state,
            workload.success_state,
            workload.failure_state,
            getattr(workload, "log_path", None),  # the test of a connection has none
            workload,
        )


def run_workload(workload: str, server: str) -> None:
    """
    Runs a workload, as the LocalExecutor does in a process of its own. Airflow's supervisor, which this calls, tells
    the Execution API what becomes of a task.

    :param workload: as JSON
    :param server: address of the Execution API
    :raises RuntimeError: the Airflow here can't read the workload
    :raises TaskAlreadyRunningError: another call runs the task
    :raises TaskProcessDiedError: the process of the task has ended with another exit code than 0. If the task has
        retries, or was cleared, Airflow's supervisor tells nobody; the scheduler has to learn it from the executor
    """
    parsed = _parse(workload)
    os.register_at_fork(after_in_child=partial(_end_with_supervisor, os.getpid()))
    try:
        code = _supervise(parsed, server)
    except Exception as error:
        detail = getattr(error, "detail", None)  # what the Execution API has answered
        if isinstance(detail, dict) and detail.get("previous_state") == "running":  # a text, not an enum
            raise TaskAlreadyRunningError(f"another call runs the task: {detail}") from error
        raise
    if code < 0:
        name = next((known.name for known in signal.Signals if known == -code), f"signal {-code}")  # a real-time signal
        raise TaskProcessDiedError(f"the process of the task was killed by {name}")
    if code:
        raise TaskProcessDiedError(f"the process of the task ended with exit code {code}")


def _parse(workload: str) -> Any:
    """
    Returns a workload as the object that Airflow has handed over.

    :raises RuntimeError: the Airflow here can't read it
    """
    from airflow import __version__
    from airflow.executors import workloads
    from pydantic import ValidationError

    try:
        # Airflow's own type of any workload would be made anew in each process, which takes longer than reading.
        return getattr(workloads, json.loads(workload)["type"]).model_validate_json(workload)
    except ValidationError as error:
        # The error itself would quote the workload, and with it the token.
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        wrong = "it is of no kind that this Airflow knows"
    raise RuntimeError(
        f"Airflow {__version__} of the runtime can't read the workload: {wrong}; install the scheduler's Airflow in "
        "the runtime"
    )


def _supervise(workload: Any, server: str) -> int:
    """Runs a workload under Airflow's supervisor, and returns the exit code of its process."""
    from airflow.executors.base_executor import BaseExecutor

    if hasattr(BaseExecutor, "run_workload"):
        return BaseExecutor.run_workload(workload, server=server)
    from airflow.sdk.execution_time.supervisor import supervise  # Airflow 3.1 and 3.2

    return supervise(
        ti=workload.ti,
        bundle_info=workload.bundle_info,
        dag_rel_path=workload.dag_rel_path,
        token=workload.token,
        server=server,
        log_path=workload.log_path,
    )


def _end_with_supervisor(supervisor: int) -> None:
    """
    Makes Linux kill the process of a task when its supervisor is killed. Otherwise the task would go on unseen, Airflow
    would start it again for want of heartbeats, and it would run twice at once.

    :param supervisor: process id of the supervisor
    """
    if os.getppid() == supervisor:
        with contextlib.suppress(AttributeError, OSError):  # not Linux
            ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
