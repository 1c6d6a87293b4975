"""
Checks that a job can run in its runtime, before anything of the job is sent: the versions of Python and Lithops, and
the modules that the function and its items import. send.py calls it before each round.

An error is raised only for what is certain to fail: a module without which the function and the items can't be
unpickled, or which every call imports first of all, and which neither is in the runtime nor can be shipped. For modules
that only some calls may import, there is a warning in the log.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from importlib.machinery import ModuleSpec

from lithops_provider.jobs.adapter.modules import excluded, included
from lithops_provider.jobs.adapter.runtimes.layers import default_runtime
from lithops_provider.jobs.adapter.runtimes.metadata import RuntimeMetadata, read_metadata, reread_metadata
from lithops_provider.jobs.adapter.source_only import needs_compiled_parts
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import UnfitRuntimeError
from lithops_provider.jobs.submit.spec import JobSpec

logger = logging.getLogger(__name__)

#: Packages of which several distributions have a part each. The list of a runtime's modules doesn't have them.
_SHARED_NAMESPACES = frozenset(
    ["azure", "backports", "google", "jaraco", "opentelemetry", "ruamel", "sphinxcontrib", "zope"]
)
#: How many of the runtime's modules an error names.
_SHOWN = 12


def check_runtime(client: LithopsClient, spec: JobSpec, runtime_memory: int | None) -> None:
    """
    Checks that the runtime has what a job needs, by Lithops's metadata of it. A runtime that seems unfit is asked
    itself, since it may have been built anew since Lithops asked it. One that a client has found fit isn't checked
    again.

    :param client: where the job is to run
    :param spec: the job
    :param runtime_memory: MB; None for the configured
    :raises UnfitRuntimeError: the runtime lacks something; the message says what, and what to do
    """
    if not spec.options.check_runtime:
        return
    compute = client.compute
    checked = (compute.runtime, runtime_memory, spec.function)
    if checked in client.fit_runtimes:
        return
    runtime = read_metadata(compute, runtime_memory)
    if (problem := _problem(client, spec, runtime)) is not None:
        try:
            runtime = reread_metadata(compute, runtime_memory)
        except Exception as error:
            raise UnfitRuntimeError(
                f"{problem}. This is what Lithops remembers of it; it could not be asked again: {error!r}"
            ) from error
        if (problem := _problem(client, spec, runtime)) is not None:
            raise UnfitRuntimeError(problem)
        logger.warning("The runtime %s has changed since Lithops asked it what it has", runtime.name)
    _warn(client, spec, runtime)
    client.fit_runtimes.add(checked)


def _problem(client: LithopsClient, spec: JobSpec, runtime: RuntimeMetadata) -> str | None:
    """Returns why a job is certain to fail in a runtime; None if that isn't certain."""
    from lithops import __version__

    what = f"the runtime {runtime.name!r} of {runtime.backend}"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if runtime.python != python:
        return (
            f"{what} has Python {runtime.python}, and this Airflow worker has Python {python}: functions can't be sent "
            f"from one to the other. Use a runtime with Python {python}, or run the task on a worker with Python "
            f"{runtime.python}"
        )
    if runtime.lithops != __version__:
        return (
            f"{what} has Lithops {runtime.lithops}, and this Airflow worker has Lithops {__version__}: build the "
            "runtime anew, or install the same version here"
        )
    missing = {}
    for root in sorted(_roots(spec.required_modules) - runtime.modules - _SHARED_NAMESPACES):
        if (reason := _why_missing(client, spec, root, runtime)) is not None:
            missing[root] = reason
    if not missing:
        return None
    reasons = "; ".join(f"{root} is not in {what}, and {reason}" for root, reason in missing.items())
    return f"{spec.name} imports what its calls won't find: {reasons}. {_what_to_do(missing, runtime)}"


def _what_to_do(missing: dict[str, str], runtime: RuntimeMetadata) -> str:
    shown = sorted(name for name in runtime.modules - sys.stdlib_module_names if not name.startswith("_"))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    names = ", ".join(missing)
    build = f"uild a runtime with {names} (`airflow lithops runtimes build`) and name it in `runtime`"
    if runtime.backend == "localhost":
        to_do = f"Install {names} for that Python, or name what has it in `requirements`"
    elif runtime.backend == "aws_lambda" and runtime.name.startswith(default_runtime()):
        to_do = f"Name what has {names} in `requirements`, or b{build}"
    else:
        to_do = f"B{build}"
    return (
        f"The runtime has {', '.join(shown[:_SHOWN])}{more}. {to_do}. If it is found there all the same, set "
        "check_runtime=False"
    )


def _warn(client: LithopsClient, spec: JobSpec, runtime: RuntimeMetadata) -> None:
    """Warns about modules that some calls may miss."""
    maybe = _roots(spec.mentioned_modules) - _roots(spec.required_modules) - runtime.modules - _SHARED_NAMESPACES
    missed = [root for root in sorted(maybe) if _why_missing(client, spec, root, runtime, certainly=False) is not None]
    if missed:
        logger.warning(
            "%s may import %s, which the runtime %s of %s doesn't have",
            spec.name,
            ", ".join(missed),
            runtime.name,
            runtime.backend,
        )


def _roots(modules: set[str]) -> set[str]:
    """Returns the packages of modules, without those that every Python has."""
    return {name.partition(".")[0] for name in modules} - {"", "__main__", "lithops", *sys.stdlib_module_names}


def _why_missing(
    client: LithopsClient, spec: JobSpec, root: str, runtime: RuntimeMetadata, *, certainly: bool = True
) -> str | None:
    """
    Returns why a module that the runtime lacks isn't shipped with the job either, or None if it is, or may be.

    :param certainly: whether to try if a package works without its compiled parts, which takes a second
    """
    spec_here = _find_spec(root)
    if spec_here is None:
        return None if root in sys.modules else "not installed on this Airflow worker either"
    includes = included(client.config, spec.options.include_modules)
    if includes is None:
        return "include_modules=None keeps this worker's from being sent along"
    if root in excluded(client.config, spec.options.exclude_modules):
        return "exclude_modules keeps this worker's from being sent along"
    is_package = spec_here.origin is not None and spec_here.submodule_search_locations is not None
    if certainly and is_package and needs_compiled_parts(root, runtime.modules):
        return "this worker's has compiled parts, which can't be sent along"
    return None


def _find_spec(root: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(root)
    except (ImportError, ValueError):  # ValueError: a loaded module without a spec, made by code
        return None
