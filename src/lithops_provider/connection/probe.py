"""
Runs one function in a runtime. The function reports the versions and limits that it finds there, and reads and writes
the storage. ``airflow lithops runtimes check`` shows the report, and so does the test of a connection. It comes back as
JSON: Airflow's servers unpickle nothing.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from lithops_provider.jobs.client import LithopsClient

#: Seconds for the call to come back in.
WAIT = 300.0


@dataclass(frozen=True)
class RuntimeProbe:
    """
    What a function has found in a runtime.

    :param backend: name of the compute backend
    :param runtime: name of the runtime
    :param python: version of Python
    :param lithops: version of Lithops
    :param platform: operating system and processor
    :param cpus: how many processors the function may use
    :param memory: MB that the function may use; None if that isn't known
    :param region: the cloud's name of its region; None if there is none
    :param time_limit: seconds that the backend lets a call run
    :param storage: words for the storage, which the function has read and written
    :param seconds: how long the call took, its start included
    :param problems: texts of what would keep jobs from running
    :param packages: versions of the installed packages
    """

    backend: str
    runtime: str
    python: str
    lithops: str
    platform: str
    cpus: int
    memory: int | None
    region: str | None
    time_limit: int
    storage: str
    seconds: float
    problems: list[str]
    packages: dict[str, str]


def probe_runtime(client: LithopsClient, runtime_memory: int | None = None, wait: float = WAIT) -> RuntimeProbe:
    """
    Runs the function, and returns what it found.

    :param client: the client of the backend
    :param runtime_memory: MB; None for the configured
    :param wait: seconds for the call to come back in
    :raises LithopsJobError: the function could not be run, or did not come back
    """
    from lithops_provider.jobs.binding.function import bind_call
    from lithops_provider.jobs.errors import JobTimeoutError, SubmitError
    from lithops_provider.jobs.remote.keys import JOBS_PREFIX
    from lithops_provider.jobs.run import JobRun
    from lithops_provider.jobs.submit.spec import Options, make_spec

    key = f"{JOBS_PREFIX}/probe-{uuid.uuid4().hex}"
    started = time.monotonic()
    client.put(f"{key}/here", b"from here")
    data = {"key": key, "bucket": client.bucket}
    options = Options(runtime_memory=runtime_memory, timeout=wait, check_runtime=False)
    spec = make_spec("call", *bind_call(_make_function(), data), options)
    run = JobRun(client, spec, deadline=time.time() + wait, read_results=False)
    try:
        run.submit()
        run.finish()
        failures = run.failures()
        found = json.loads(client.get(client.bucket, f"{key}/there") or b"{}")
    except JobTimeoutError as error:
        run.cancel()
        raise SubmitError(
            f"a function was sent to {client.backend}, and nothing was heard of it for {wait:g} s: it can't start in "
            f"the runtime {client.compute.runtime!r}, or it can't reach the storage {client.storage_backend!r}, or its "
            f"role lacks the right to read and write the bucket {client.bucket!r}; the cloud's own log of the function "
            "says which"
        ) from error
    finally:
        client.delete(client.bucket, [f"{key}/here", f"{key}/there"])
    run.clean()
    if failures:
        raise SubmitError(f"the function failed on {client.backend}: {failures[0].type}: {failures[0].message}")
    return RuntimeProbe(
        backend=client.backend,
        runtime=client.compute.runtime,
        time_limit=client.compute.call_limit(1 << 30, "probe", runtime_memory),
        storage=f"functions read and write {client.storage_backend}://{client.bucket}",
        seconds=round(time.monotonic() - started, 2),
        problems=_problems(found),
        **found,
    )


def _problems(found: dict[str, Any]) -> list[str]:
    """Returns what would keep jobs from running there."""
    from lithops import __version__

    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    problems = []
    if found["python"].rpartition(".")[0] != here:
        problems.append(f"the runtime has Python {found['python']}, this process Python {here}")
    if found["lithops"] != __version__:
        problems.append(f"the runtime has Lithops {found['lithops']}, this process Lithops {__version__}")
    return problems


def _make_function() -> Callable[..., None]:
    """Returns the function. It is made within another so that it is pickled by value: a runtime lacks this package."""

    def look_around(storage: Any, key: str, bucket: str) -> None:
        import json
        import os
        import platform
        from importlib import metadata
        from pathlib import Path

        import lithops

        if (read := storage.get_object(bucket, f"{key}/here")) != b"from here":
            raise RuntimeError(f"an object that was written here reads {read!r:.100} there")
        limits = [Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
        texts = [path.read_text().strip() for path in limits if path.exists()]
        memory = [int(text) >> 20 for text in texts if text.isdigit() and int(text) < 1 << 50]
        regions = [os.environ[name] for name in ("AWS_REGION", "FUNCTION_REGION", "REGION_NAME") if name in os.environ]
        found = {
            "python": platform.python_version(),
            "lithops": lithops.__version__,
            "platform": f"{platform.system()} {platform.machine()}",
            "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": memory[0] if memory else None,
            "region": regions[0] if regions else None,
            "packages": {entry.metadata["Name"]: entry.version for entry in metadata.distributions()},
        }
        storage.put_object(bucket, f"{key}/there", json.dumps(found).encode())

    return look_around
