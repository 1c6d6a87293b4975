"""What localhost has no use for, on a backend that starts a process for each call: tests/jobs/process_faas.py."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import threading
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from lithops_provider.hooks import LithopsHook
from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator

_NAME = "lithops.serverless.backends.process_faas"
_FILE = Path(__file__).parents[2] / "jobs" / "process_faas.py"


def use_process_faas(context: Any) -> None:
    """Have the task's process take that backend for the configured one, and log each of its invocations."""
    spec = importlib.util.spec_from_file_location(_NAME, _FILE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    spec.loader.exec_module(module)
    invoke, get_config = module.ServerlessBackend.invoke, LithopsHook.get_config
    together, first_two = threading.Barrier(2, timeout=600), itertools.repeat(True, 2)

    def logged_invoke(self: Any, runtime_name: str, memory: int, payload: dict[str, Any]) -> Any:
        what = "an invoker of all calls" if "remote_invoker" in payload else f"{len(payload['call_ids'])} call(s)"
        thread = threading.current_thread().name
        print(f"invoked {what} of {payload.get('func_name')} with {memory} MB by {thread}")
        if payload.get("func_name") == "add" and memory == 512 and next(first_two, False):
            together.wait()  # which one thread can't
        return invoke(self, runtime_name, memory, payload)

    def changed_config(self: LithopsHook) -> dict[str, Any]:
        config = get_config(self)
        names = ("remote_invoker", "invoke_pool_threads")
        return dict(
            module.configure(config, **{name: config["localhost"][name] for name in names if self.arguments.get(name)})
        )

    module.ServerlessBackend.invoke = logged_invoke
    LithopsHook.get_config = changed_config  # type: ignore[method-assign]


def add(x: int, y: int) -> int:
    """Add two numbers."""
    return x + y


def total(results: list[int]) -> int:
    """Add up."""
    return sum(results)


with DAG("seed_faas", schedule=None, default_args={"poll_interval": 0.2, "pre_execute": use_process_faas}) as dag:
    LithopsMapReduceOperator(
        task_id="memory",
        map_function=add,
        map_iterdata=[1, 2, 3],
        extra_args={"y": 1},
        reduce_function=total,
        map_runtime_memory=512,
        reduce_runtime_memory=1024,
        invoke_pool_threads=2,
        batch_size=1,
    )
    LithopsMapOperator(
        task_id="remote",
        map_function=add,
        map_iterdata=[1, 2],
        extra_args={"y": 1},
        runtime_memory=384,
        remote_invocation=True,
        batch_size=2,
    )
