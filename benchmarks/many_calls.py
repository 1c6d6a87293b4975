"""
Ten thousand calls on a backend that takes them all, a thousand at once: what sending, following and gathering cost the
process that waits. The backend is a stand-in: a process that answers each invocation by storing, after a while, what a
call would have stored. Run by itself, it prints what it has measured as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

CALLS = 10_000
AT_ONCE = 1_000
SECONDS = 2.0
"""How long a call takes."""
NAME = "many_calls_faas"
_PAGE = 1_000
"""How many keys a page of a listing has on S3."""


class Backend:
    """What Lithops takes for a FaaS backend. Invocations go through a pipe to the process that answers them."""

    pipe: Any = None
    lock = threading.Lock()

    def __init__(self, config: dict[str, Any], internal_storage: Any) -> None:
        self.config = config
        self.type = "faas"

    def invoke(self, runtime_name: str, memory: int, payload: dict[str, Any]) -> str:
        """Take an invocation."""
        with self.lock:
            self.pipe.send((payload["executor_id"], payload["job_id"], payload["call_ids"]))
        return "activation"

    def deploy_runtime(self, runtime_name: str, memory: int, timeout: int) -> Any:
        """Return what the runtime has: what this process has."""
        from lithops.worker.utils import get_runtime_metadata

        return get_runtime_metadata()

    def get_runtime_key(self, runtime_name: str, memory: int, version: str) -> str:
        """Return where Lithops keeps that."""
        return f"{NAME}/{version}/{runtime_name}/{memory}"

    def get_runtime_info(self) -> dict[str, Any]:
        """Return the runtime's limits."""
        names = ("runtime_memory", "runtime_timeout", "max_workers")
        return {"runtime_name": "process", "runtime_cpu": None, **{name: self.config[name] for name in names}}


def _configure() -> dict[str, Any]:
    from lithops_provider.jobs import resolve_config

    module = ModuleType(f"lithops.serverless.backends.{NAME}")
    module.ServerlessBackend = Backend  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    config = resolve_config()
    config["lithops"].update(backend=NAME, mode="serverless", chunksize=1)
    config[NAME] = {
        **{"runtime_memory": 256, "runtime_timeout": 600, "max_workers": AT_ONCE, "worker_processes": 1},
        **{"invoke_pool_threads": 64, "remote_invoker": False},
    }
    return config


def _answer(config: dict[str, Any], pipe: Any) -> None:
    """Answers invocations, `AT_ONCE` at a time, each after `SECONDS`. In a process of its own."""
    from lithops_provider.jobs import LithopsClient
    from lithops_provider.jobs.remote.keys import BEGUN, STATUS, job_prefix
    from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key

    client = LithopsClient(config)

    def call(executor_id: str, job_id: str, call: str) -> None:
        prefix = f"{job_prefix(executor_id, job_id)}/{call}"
        client.put(f"{prefix}/0123456789ab.init", b"")
        client.put(f"{prefix}/{BEGUN}", b"")
        begin = time.time()
        time.sleep(SECONDS)
        part = PartBuilder()
        part.add_success(int(call), begin, SECONDS, 1 << 20, pickle.dumps(2 * int(call)))
        client.put(part_key(prefix, PartName(0, 1, 0)), part.encode())
        client.put(f"{prefix}/{STATUS}", json.dumps({"exception": False}).encode())
        ended.append(time.time())

    ended: list[float] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while (found := pipe.recv()) is not None:
            executor_id, job_id, call_ids = found
            for call_id in call_ids:
                pool.submit(call, executor_id, job_id, call_id)
    pipe.send(max(ended))


def measure(calls: int = CALLS) -> dict[str, Any]:
    """
    Run the job once.

    :param calls: how many calls it has
    :return: ``send_seconds``; ``looks`` while it ran, the ``pages`` of all of them (requests, on S3) and of the
        dearest, ``last_pages``; ``result_seconds`` from the end of the last call to the results; ``cpu_seconds`` of
        the process that sends and waits, and its ``peak_bytes``
    """
    import resource

    from lithops_provider.jobs import JobRun, LithopsClient, Options, bind_items, make_spec

    config = _configure()
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    answering = multiprocessing.get_context("fork").Process(target=_answer, args=(config, theirs))
    answering.start()
    Backend.pipe = ours
    client = LithopsClient(config)
    pages: list[int] = []
    list_keys = client.storage.list_keys

    def counted(*args: Any, **kwargs: Any) -> Any:
        found = list_keys(*args, **kwargs)
        pages.append(max(1, -(-len(found) // _PAGE)))
        return found

    client.storage.list_keys = counted
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("def double(number): return 2 * number", scope)
    begin, cpu = time.perf_counter(), time.process_time()
    run = JobRun(client, make_spec("map", *bind_items(scope["double"], range(calls)), Options(batch_size=1)))
    run.submit()
    sent = time.perf_counter() - begin
    run.finish()
    results = run.results()
    end = time.time()
    cpu = time.process_time() - cpu
    if results != [2 * number for number in range(calls)]:
        raise RuntimeError("the results are wrong")
    ours.send(None)
    ended = ours.recv()
    answering.join(60)
    begin = time.perf_counter()
    run.clean()
    return {
        "calls": calls,
        "send_seconds": round(sent, 2),
        "looks": len(pages),
        "pages": sum(pages),
        "last_pages": pages[-1],
        "result_seconds": round(end - ended, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "clean_seconds": round(time.perf_counter() - begin, 2),
    }


def run_apart() -> dict[str, Any]:
    """Measure in a fresh interpreter, once: it takes as long as a cloud's calls do."""
    command = [sys.executable, "-m", "benchmarks.many_calls"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(measure(int(sys.argv[1]) if sys.argv[1:] else CALLS))}\n")
