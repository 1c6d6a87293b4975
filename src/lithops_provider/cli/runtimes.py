"""
The functions behind ``airflow lithops runtimes ...``, which definition.py names. What they do with the runtimes of a
backend is in `jobs/adapter/runtimes/deployments.py`, and what they find out about one in `connection/probe.py`.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from lithops_provider.cli.output import plain_text, show_fields, show_rows
from lithops_provider.cli.wrappers import command, confirm, noted
from lithops_provider.connection.settings import ConnectionSettings
from lithops_provider.jobs.adapter.refusals import explain_refusals
from lithops_provider.jobs.adapter.runtimes.deployments import (
    build_runtime,
    delete_runtimes,
    deploy_runtime,
    list_runtimes,
)
from lithops_provider.jobs.adapter.runtimes.metadata import RuntimeMetadata, read_metadata
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.status.storage import connect

if TYPE_CHECKING:
    from argparse import Namespace

    from lithops_provider.jobs.client import LithopsClient


@command
def list_(args: Namespace) -> None:
    """Lists the runtimes that are deployed."""
    client = _client(args, runtime=None)
    with explain_refusals(client.backend):
        found = list_runtimes(client.compute, args.runtime)
    show_rows([dataclasses.asdict(runtime) for runtime in found], args.output)


@command
def show_(args: Namespace) -> None:
    """Shows what a runtime has, from Lithops's own record of it. A runtime without a record is deployed."""
    client = _client(args, args.runtime)
    with explain_refusals(client.backend):
        runtime = read_metadata(client.compute, args.memory)
    show_fields(_fields(client, runtime, args.memory), args.output)


@noted
@command
def build_(args: Namespace) -> None:
    """Builds a runtime."""
    client = _client(args, args.runtime)
    with explain_refusals(client.backend):
        build_runtime(client.compute, args.file, args.option or ())
    _say(f"Built the runtime {client.compute.runtime} of {client.backend}.")


@noted
@command
def deploy_(args: Namespace) -> None:
    """Deploys a runtime."""
    client = _client(args, args.runtime)
    with explain_refusals(client.backend):
        runtime = deploy_runtime(client.compute, args.memory, args.timeout)
    _say(
        f"Deployed the runtime {runtime.name} of {client.backend}: Python {runtime.python}, Lithops {runtime.lithops}."
    )


@noted
@command
def delete_(args: Namespace) -> None:
    """Deletes runtimes."""
    client = _client(args, runtime=None)
    with explain_refusals(client.backend):
        found = list_runtimes(client.compute, args.runtime)
        if not found:
            raise InvalidInputError(
                f"no runtime {args.runtime!r} is deployed on {client.backend}; `airflow lithops runtimes list` shows "
                "those that are"
            )
        confirm(args, f"Delete the runtime {args.runtime} of {client.backend}? Tasks that use it deploy it anew.")
        deleted = delete_runtimes(client.compute, args.runtime, args.memory, args.lithops_version)
    _say(f"Deleted {len(deleted)} runtime(s).")


@command
def check_(args: Namespace) -> None:
    """Runs a function in a runtime, and shows what the function finds there."""
    from lithops_provider.connection.probe import probe_runtime

    client = _client(args, args.runtime)
    found = probe_runtime(client, args.memory, args.wait)
    fields = dataclasses.asdict(found)
    if args.output not in ("json", "yaml"):
        fields["packages"] = ", ".join(f"{name} {version}" for name, version in sorted(found.packages.items()))
    show_fields(fields, args.output)
    if found.problems:
        raise SystemExit(plain_text("; ".join(found.problems)))


def _client(args: Namespace, runtime: str | None) -> LithopsClient:
    arguments = {} if runtime is None else {"runtime": runtime}
    return connect(ConnectionSettings(args.conn_id, arguments=arguments))


def _fields(client: LithopsClient, runtime: RuntimeMetadata, memory: int | None) -> dict[str, Any]:
    info = client.compute.invoker.runtime_info
    modules = sorted(name for name in runtime.modules - sys.stdlib_module_names if not name.startswith("_"))
    return {
        "backend": runtime.backend,
        "runtime": runtime.name,
        "python": runtime.python,
        "lithops": runtime.lithops,
        "memory": memory or info.get("runtime_memory"),
        "timeout": info.get("runtime_timeout"),
        "max_workers": info.get("max_workers"),
        "modules": modules,
    }


def _say(text: str) -> None:
    print(plain_text(text))  # noqa: T201 - what a command is for
