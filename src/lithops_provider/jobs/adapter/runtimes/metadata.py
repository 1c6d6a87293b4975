"""
Reads what a runtime has: its Python, its Lithops and its modules. Lithops keeps that as the runtime's metadata, in the
storage and on the disk of each machine. runtime_check.py checks jobs against it, and the commands for runtimes show it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lithops_provider.jobs.adapter.compute import Compute

#: Arguments that Lithops's backend for Alibaba Cloud wants when a runtime is asked: how often to try, and the seconds
#: between two attempts.
_ALIYUN_ATTEMPTS = {"max_attempts": 3, "retry_sleep": 2}


@dataclass(frozen=True)
class RuntimeMetadata:
    """
    What a runtime has.

    :param name: the runtime's
    :param backend: name of the compute backend
    :param python: its version, as "3.12"
    :param lithops: version of its Lithops
    :param modules: names of the modules and packages that can be imported there. Namespace packages aren't among them,
        nor is what a finder of its own provides, such as that of an editable installation
    """

    name: str
    backend: str
    python: str
    lithops: str
    modules: frozenset[str]


def read_metadata(compute: Compute, runtime_memory: int | None) -> RuntimeMetadata:
    """
    Returns what the runtime has, as Lithops remembers it. A runtime that Lithops doesn't know yet is deployed.

    :param compute: the backend
    :param runtime_memory: MB; None for the configured
    """
    invoker = compute.invoker
    key, memory = _key(compute, runtime_memory)
    found = compute.internal_storage.get_runtime_meta(key) or invoker._deploy_runtime(key, memory)
    return as_metadata(compute, found)


def reread_metadata(compute: Compute, runtime_memory: int | None) -> RuntimeMetadata:
    """
    Asks the runtime itself what it has, and puts that in the place of what Lithops remembers.

    :param compute: the backend
    :param runtime_memory: MB; None for the configured
    """
    key, memory = _key(compute, runtime_memory)
    found = dict(_ask(compute, memory))
    found["runtime_timeout"] = compute.invoker.runtime_info["runtime_timeout"]
    compute.internal_storage.put_runtime_meta(key, found)
    return as_metadata(compute, found)


def _key(compute: Compute, runtime_memory: int | None) -> tuple[str, Any]:
    """Returns the key and the memory by which Lithops's `select_runtime` would look for the runtime."""
    from lithops import __version__

    memory = compute.invoker.runtime_info["runtime_memory"]
    if compute.mode == "serverless":
        memory = runtime_memory or memory
    return compute.handler.get_runtime_key(compute.runtime, memory, __version__), memory


def as_metadata(compute: Compute, found: dict[str, Any]) -> RuntimeMetadata:
    """
    Makes a `RuntimeMetadata` of Lithops's own metadata of the configured runtime.

    :param compute: the backend
    :param found: Lithops's metadata
    """
    return RuntimeMetadata(
        name=compute.runtime,
        backend=compute.backend,
        python=str(found["python_version"]),
        lithops=str(found["lithops_version"]),
        modules=frozenset(str(name) for name, _ in found["preinstalls"]),
    )


def _ask(compute: Compute, memory: Any) -> dict[str, Any]:
    """
    Returns what the runtime itself says that it has. Serverless backends are asked by a private method, since Lithops's
    handler would deploy the runtime anew for that.
    """
    if compute.mode != "serverless":
        deployed: dict[str, Any] = compute.handler.deploy_runtime(compute.runtime, memory, None)
        return deployed
    backend = compute.handler.backend
    ask = backend._generate_runtime_meta
    parameters = inspect.signature(ask).parameters
    if "max_attempts" in parameters:
        name = backend._format_function_name(compute.runtime, memory)
        asked: dict[str, Any] = ask(name, **_ALIYUN_ATTEMPTS)
        return asked
    found: dict[str, Any] = ask(*(compute.runtime, memory)[: len(parameters)])
    return found
