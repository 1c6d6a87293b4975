"""What a plain script without Airflow does. Run with ``submit`` and a way to end, ``gather`` or ``cancel``."""

# ruff: noqa: T201 - it is a script

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any


def square(x: int, delay: float = 0.0) -> int:
    time.sleep(delay)
    return x * x


def submit(end: str, count: int, delay: float) -> None:
    from lithops_provider.jobs.binding.function import bind_items
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.config.resolve import resolve_config
    from lithops_provider.jobs.run import JobRun
    from lithops_provider.jobs.submit.spec import make_spec

    binding, items = bind_items(square, range(count), {"delay": delay})
    job = JobRun(LithopsClient(resolve_config()), make_spec("map", binding, items)).submit()
    print(json.dumps(job.to_dict()), flush=True)
    if end == "os._exit":
        os._exit(0)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


def job_and_client() -> Any:
    from lithops_provider.jobs import LithopsJob
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.config.resolve import resolve_config

    return LithopsClient(resolve_config()), LithopsJob.from_dict(json.load(sys.stdin))


def gather() -> None:
    from lithops_provider.jobs.wait import gather_results, wait_for_job

    client, job = job_and_client()
    wait_for_job(client, job, timeout=600)
    print(json.dumps(gather_results(client, job)))


def cancel() -> None:
    from lithops_provider.jobs.cancel import cancel_job

    cancel_job(*job_and_client())


if __name__ == "__main__":
    if sys.argv[1] == "submit":
        submit(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    elif sys.argv[1] == "gather":
        gather()
    else:
        cancel()
    assert "airflow" not in sys.modules
