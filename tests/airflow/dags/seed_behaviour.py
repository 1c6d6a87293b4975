"""Functions that misbehave, jobs that are cut off, and what is left in the log."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG
from seed_functions import wait_for

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator

PATH = "{{ dag_run.conf['folder'] }}/"
SOON: dict[str, Any] = {"poll_interval": 0.2}


class AwkwardError(Exception):
    """Can be neither pickled nor made from its args."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.lock = threading.Lock()


def fork(x: int, storage: Any) -> list[Any]:
    """Fork, and have both processes end in a way that depends on the item; store what must not be overwritten."""
    made = storage.put_cloudobject(f"value {x}")
    if x in (2, 3, 4, 5):
        pid = os.fork()
        if pid == 0 and x == 2:
            sys.exit(0)
        if pid == 0 and x == 3:
            raise ValueError("in the child")
        if pid:
            os.waitpid(pid, 0)
        if x == 5 and pid:
            os._exit(3)
    return [x * 10, storage.get_cloudobject(made).decode(), made.key]


def misbehave(how: str) -> Any:
    """Do as told."""
    print(f"about to {how}")
    if how == "os._exit":
        os._exit(3)
    elif how == "segfault":
        ctypes.string_at(0)
    elif how == "sys.exit":
        sys.exit("I leave")
    elif how == "KeyboardInterrupt":
        raise KeyboardInterrupt
    elif how == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "return a lock":
        return threading.Lock()
    elif how == "return a generator":
        return (number for number in range(3))
    elif how == "raise an awkward error":
        raise AwkwardError("left", "right")
    return how


MISBEHAVIOUR = [
    *("fine", "os._exit", "segfault", "sys.exit", "KeyboardInterrupt", "SIGKILL"),
    *("return a lock", "return a generator", "raise an awkward error", "fine again"),
]


def chatter(much: bool) -> str:
    """Print in every way there is; or 20 MB."""
    if much:
        for _ in range(20):
            sys.stdout.write(("x" * 1023 + "\n") * 1024)
        return "much"
    print("said to stdout")
    print("said to stderr", file=sys.stderr)
    logging.getLogger("mine").info("said to a logger")
    subprocess.run(["/bin/sh", "-c", "echo said by a subprocess"], check=True)
    return "little"


def deep_down(item: int, text: str) -> int:
    """Fail for one item in three, and once at length."""
    if item % 3 == 1:
        raise ValueError(f"item {item} is no good" + ("!" * 10_000_000 if item == 4 else ""))
    return item


def fail_some(item: int, text: str) -> int:
    """Have somebody else fail."""
    return deep_down(item, text)


def unfit(item: int, kind: str) -> Any:
    """Return what XCom doesn't take, for the item 1."""
    import numpy as np

    values: dict[str, Any] = {"ndarray": np.arange(3), "bytes": b"\x00\xff", "nan": float("nan")}
    return values[kind] if item == 1 else item


def sleep(item: int) -> int:
    """Take half a second."""
    time.sleep(0.5)
    return item


def _logging() -> tuple[Any, ...]:
    root, lithops = logging.getLogger(), logging.getLogger("lithops")
    return root.level, list(root.handlers), list(lithops.handlers), lithops.propagate, root.manager.disable


def remember_logging(context: Any) -> None:
    """Keep what logging is like before the job."""
    context["ti"].task.logging_before = _logging()


def say_something(context: Any, result: Any) -> None:
    """Log in every way there is, after the job."""
    before = context["ti"].task.logging_before
    logging.getLogger("mine").info("a logger after the job, unchanged: %s", before == _logging())
    context["ti"].task.log.info("the task's log after the job")
    print("a print after the job")


class Talking(LithopsMapOperator):
    """Goes on after the job."""

    def execute(self, context: Any) -> Any:
        """Say how it went."""
        results = super().execute(context)
        self.log.info("the subclass got %s", results)
        return results


with DAG("seed_behaviour", schedule=None, default_args=SOON, max_active_tasks=32) as dag:
    LithopsMapOperator(task_id="progress", map_function=sleep, map_iterdata=range(48), workers=2)
    Talking(
        task_id="logs",
        map_function=chatter,
        map_iterdata=[False, True],
        pre_execute=remember_logging,
        post_execute=say_something,
        lithops_config={"lithops": {"log_level": "DEBUG"}},
    )
    LithopsMapOperator(task_id="fails", map_function=fail_some, map_iterdata=[(item, "y" * 5000) for item in range(20)])
    LithopsMapOperator(
        task_id="misbehaves",
        map_function=misbehave,
        map_iterdata=MISBEHAVIOUR,
        min_success_ratio=0.1,
        batch_size=len(MISBEHAVIOUR),
    )
    LithopsMapOperator(task_id="forks", map_function=fork, map_iterdata=range(10), min_success_ratio=0.5, batch_size=10)
    LithopsCallAsyncOperator(task_id="dies", func=misbehave, data=["segfault"])
    LithopsMapOperator(task_id="ndarray", map_function=unfit, map_iterdata=[0, 1], extra_args={"kind": "ndarray"})
    LithopsCallAsyncOperator(task_id="unfit_call", func=unfit, data=[1, "bytes"])

# What unit tests show, too: for ``make thorough``.
with DAG("seed_unfit", schedule=None, default_args=SOON) as dag:
    for unfit_kind in ("bytes", "nan"):
        LithopsMapOperator(task_id=unfit_kind, map_function=unfit, map_iterdata=[0, 1], extra_args={"kind": unfit_kind})
    LithopsCallAsyncOperator(task_id="not_pushed", func=unfit, data=[1, "bytes"], do_xcom_push=False)

with DAG("seed_timeout", schedule=None, default_args=SOON) as dag:
    LithopsCallAsyncOperator(
        task_id="execution_timeout",
        func=wait_for,
        data={"path": f"{PATH}timeout"},
        execution_timeout=timedelta(seconds=10),
    )

with DAG("seed_killed", schedule=None, default_args=SOON) as dag:
    LithopsMapOperator(task_id="wait", map_function=wait_for, map_iterdata=[f"{PATH}killed"], item_retries=2, retries=0)
