"""
Lets Lithops complete and check a configuration, and turns its exceptions into errors that say what is wrong and where.
resolve.py calls it last, once all settings are merged.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lithops_provider.jobs.adapter.workarounds.vm import with_vm_defaults
from lithops_provider.jobs.config.libraries import missing_library
from lithops_provider.jobs.errors import ConfigurationError


def complete_config(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """
    Returns the configuration with Lithops's defaults added, once it has passed Lithops's own checks.

    :param config: sections; ``lithops.backend``, ``.mode`` and ``.storage`` are set
    :param source: names the configuration in errors
    :raises ConfigurationError: Lithops refuses it, or a library that its backends need is missing
    """
    from lithops.config import default_config

    backend = config["lithops"]["backend"]
    config = with_vm_defaults(config)
    try:
        complete: dict[str, Any] = default_config(config_data=config)
    except ImportError as error:
        _, name = _refusing(error) or ("backend", backend)
        problems = [missing_library(_part(error, backend), name, error)]
        try:
            _check_keys(config)
        except Exception as refused:
            problems.insert(0, _explained(refused, backend))
        raise ConfigurationError(f"{source}: {'; '.join(problems)}") from error
    except Exception as error:  # Lithops raises bare Exceptions for most of what is wrong
        raise ConfigurationError(f"{source}: {_explained(error, backend)}") from error
    if backend == "singularity" and not complete[backend]["amqp_url"]:  # Lithops itself notices that much later
        raise ConfigurationError(f"{source}: backend 'singularity' needs the key 'amqp_url' in section 'rabbitmq'")
    if config["lithops"]["storage"] == "swift" and not complete["swift"].get("storage_bucket"):  # has no default name
        raise ConfigurationError(f"{source}: storage 'swift' needs the key 'storage_bucket'")
    return complete


def _check_keys(config: Mapping[str, Any]) -> None:
    """
    Runs the checks in the config.py of Lithops's backends, which work without the libraries that the backends need. So
    a user who lacks both a library and keys reads of both in one error.
    """
    import lithops

    sections = copy.deepcopy(dict(config))
    mode, backend, storage = (sections["lithops"][key] for key in ("mode", "backend", "storage"))
    sections.setdefault(backend, {})
    for kind, name in ((mode, backend), ("storage", storage)):
        path = Path(lithops.__file__).parent / kind / "backends" / name / "config.py"
        spec = importlib.util.spec_from_file_location(f"lithops.{kind}.backends.{name}.config", path)
        if kind == "localhost" or spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.load_config(sections)


def _explained(error: Exception, backend: str) -> str:
    """Returns in words why Lithops refuses a configuration."""
    if isinstance(error, KeyError):
        return f"{_part(error, backend)} needs the key {error}"
    if isinstance(error, AttributeError | TypeError | ValueError | AssertionError | IndexError):
        message = str(error) or type(error).__name__
        return f"{_part(error, backend)}: a setting has the wrong type or form ({message})"
    return f"{_part(error, backend)}: {error}"


def _part(error: Exception, backend: str) -> str:
    """Returns the words that name the part of Lithops that an error comes from."""
    kind, name = _refusing(error) or ("backend", backend)
    return f"{kind} {name!r}"


def _refusing(error: Exception) -> tuple[str, str] | None:
    """Returns the kind and the name of the backend of Lithops that an error comes from."""
    found = None
    traceback = error.__traceback__
    while traceback:
        name = str(traceback.tb_frame.f_globals.get("__name__", "")).split(".")
        if name[0] == "lithops" and name[2:3] == ["backends"] and len(name) > 3:
            found = ("backend" if name[1] in ("serverless", "standalone") else name[1], name[3])
        traceback = traceback.tb_next
    return found
