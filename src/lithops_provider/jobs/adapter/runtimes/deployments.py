"""
Looks after the runtimes of a backend: lists, builds, deploys and deletes them by what Lithops offers for each backend,
as its own `lithops runtime` does. ``airflow lithops runtimes`` calls this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.adapter.runtimes.metadata import RuntimeMetadata, as_metadata
from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    from lithops_provider.jobs.adapter.compute import Compute


@dataclass(frozen=True)
class DeployedRuntime:
    """
    A runtime that is deployed.

    :param name: its name
    :param memory: MB that it has
    :param lithops: version of its Lithops
    :param worker: what the cloud calls it
    """

    name: str
    memory: int
    lithops: str
    worker: str


def list_runtimes(compute: Compute, name: str | None = None) -> list[DeployedRuntime]:
    """
    Returns the runtimes that are deployed.

    :param compute: the backend
    :param name: name of the runtimes to return, with or without its registry; None for all
    :raises InvalidInputError: the backend has no runtimes
    """
    _check_has_runtimes(compute)
    rows = compute.handler.list_runtimes("all")  # by a name, Lithops finds too many on some backends, none on others
    found = [DeployedRuntime(str(row[0]), int(row[1]), str(row[2]), str(row[3])) for row in rows]
    return [runtime for runtime in found if name is None or f"/{runtime.name}".endswith(f"/{name}")]


def build_runtime(compute: Compute, file: str | None, extra_args: Sequence[str] = ()) -> None:
    """
    Builds the configured runtime, where this process runs; for most backends that needs Docker or Podman.

    :param compute: the backend
    :param file: a Dockerfile, or a list of requirements, depending on the backend
    :param extra_args: more arguments for what builds it
    :raises InvalidInputError: the backend has no runtimes
    """
    _check_has_runtimes(compute)
    compute.handler.build_runtime(compute.runtime, file, list(extra_args))


def deploy_runtime(compute: Compute, memory: int | None = None, timeout: int | None = None) -> RuntimeMetadata:
    """
    Deploys the configured runtime, in the place of one of that name that is there, and returns what the new one has.

    :param compute: the backend
    :param memory: MB; None for the configured
    :param timeout: seconds that a call has; None for the configured
    :raises InvalidInputError: the backend has no runtimes
    """
    _check_has_runtimes(compute)
    info = compute.invoker.runtime_info
    memory, timeout = memory or info["runtime_memory"], timeout or info["runtime_timeout"]
    found = dict(compute.handler.deploy_runtime(compute.runtime, memory, timeout))
    found["runtime_timeout"] = timeout
    compute.internal_storage.put_runtime_meta(_key(compute, compute.runtime, memory), found)
    return as_metadata(compute, found)


def delete_runtimes(
    compute: Compute, name: str, memory: int | None = None, version: str | None = None
) -> list[DeployedRuntime]:
    """
    Deletes runtimes that are deployed, and Lithops's metadata of them.

    :param compute: the backend
    :param name: name of the runtimes
    :param memory: MB that a runtime must have to be deleted; None for any
    :param version: version of Lithops that a runtime must have to be deleted; None for any
    :returns: the runtimes that were deleted
    :raises InvalidInputError: the backend has no runtimes
    """
    chosen = [
        runtime
        for runtime in list_runtimes(compute, name)
        if memory in (None, runtime.memory) and version in (None, runtime.lithops)
    ]
    for runtime in chosen:
        compute.handler.delete_runtime(runtime.name, runtime.memory, runtime.lithops)
        compute.internal_storage.delete_runtime_meta(_key(compute, runtime.name, runtime.memory, runtime.lithops))
    return chosen


def _key(compute: Compute, name: str, memory: Any, version: str | None = None) -> str:
    from lithops import __version__

    return str(compute.handler.get_runtime_key(name, memory, version or __version__))


def _check_has_runtimes(compute: Compute) -> None:
    if compute.mode != "serverless":
        raise InvalidInputError(
            f"the backend {compute.backend!r} has no runtimes to look after: functions run in {compute.runtime!r}. "
            "`airflow lithops runtimes show` and `check` say what that has"
        )
