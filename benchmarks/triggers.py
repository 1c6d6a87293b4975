"""
Many deferred jobs in one process, as in a triggerer: how much they ask of the storage, and how soon their ends are
noticed. Run by itself, in a fresh interpreter, it prints that as JSON; the jobs' objects are written as calls would.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import time
from typing import Any

JOBS = 500
INTERVAL = 2.0
"""Seconds between polls."""
_SPAN = 20.0
"""Seconds over which the jobs end."""
_TICK = 0.01
"""Seconds between looks at the event loop's clock."""


def measure() -> dict[str, Any]:
    """
    Run the measurement in a fresh interpreter.

    :return: ``jobs``, ``poll_interval``, ``requests_per_second``, of the event loop ``lag_p99`` and ``lag_max`` in
        seconds, and of the delays between the end of a job and the trigger's event ``noticed_median`` and
        ``noticed_max`` in poll intervals
    """
    done = subprocess.run([sys.executable, "-m", "benchmarks.triggers"], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


async def scenario() -> dict[str, Any]:
    """Let the jobs end one after another, and return what `measure` does."""
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.config.resolve import resolve_config
    from lithops_provider.triggers import LithopsJobTrigger

    client = LithopsClient(resolve_config(), patience=0.0)
    requests = 0
    list_keys = client.storage.list_keys

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal requests
        requests += 1
        return list_keys(*args, **kwargs)

    client.storage.list_keys = counted

    async def open_client(self: LithopsJobTrigger) -> LithopsClient:
        return client

    LithopsJobTrigger._open_client = open_client  # type: ignore[method-assign]
    values = [_job(client) for _ in range(JOBS)]
    ended: dict[str, float] = {}
    noticed: dict[str, float] = {}

    async def wait(value: dict[str, Any]) -> None:
        trigger = LithopsJobTrigger(lithops_conn_id="lithops_default", job=value, poll_interval=INTERVAL)
        async for event in trigger.run():
            if event.payload["status"] != "over":
                raise RuntimeError(f"a trigger ended otherwise: {event.payload}")
            noticed[value["executor_id"]] = time.monotonic()

    async def end(value: dict[str, Any]) -> None:
        await asyncio.sleep(random.uniform(INTERVAL, _SPAN))
        await asyncio.to_thread(_end, client, value)
        ended[value["executor_id"]] = time.monotonic()

    lags: list[float] = []

    async def watch() -> None:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(_TICK)
            lags.append(time.monotonic() - begin - _TICK)

    watching = asyncio.create_task(watch())
    begin = time.monotonic()
    await asyncio.gather(*(wait(value) for value in values), *(end(value) for value in values))
    seconds = time.monotonic() - begin
    watching.cancel()
    delays = sorted((noticed[key] - ended[key]) / INTERVAL for key in ended)
    lags.sort()
    _clean(client, values)
    return {
        "jobs": JOBS,
        "poll_interval": INTERVAL,
        "requests_per_second": round(requests / seconds, 1),
        "lag_p99": round(lags[int(len(lags) * 0.99)], 4),
        "lag_max": round(lags[-1], 4),
        "noticed_median": round(delays[len(delays) // 2], 3),
        "noticed_max": round(delays[-1], 3),
    }


def _job(client: Any) -> dict[str, Any]:
    """Return the value of a job of four calls, of which two have begun, on a backend elsewhere."""
    from lithops_provider.jobs.job import LithopsJob

    job = LithopsJob(
        executor_id=LithopsJob.new_executor_id(),
        kind="map",
        function="f",
        items=4_000,
        backend="aws_lambda",
        storage=client.storage_backend,
        bucket=client.bucket,
        runtime="runtime",
        timeout=600.0,
        host="elsewhere",
        created=time.time(),
    ).with_round(4_000, 4)
    for call in range(2):
        client.put(f"{job.round_prefix()}/{call:05d}/0123456789ab.init", b"")
    return job.to_dict()


def _end(client: Any, value: dict[str, Any]) -> None:
    from lithops_provider.jobs.job import LithopsJob

    job = LithopsJob.from_dict(value)
    for call in range(4):
        client.put(f"{job.round_prefix()}/{call:05d}/00000000-00001000-00000000.part", b"")
        client.put(f"{job.round_prefix()}/{call:05d}/status.json", b"{}")


def _clean(client: Any, values: list[dict[str, Any]]) -> None:
    from lithops_provider.jobs.clean import clean_job
    from lithops_provider.jobs.job import LithopsJob

    for value in values:
        clean_job(client, LithopsJob.from_dict(value))


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(f"\n{json.dumps(asyncio.run(scenario()))}\n")
