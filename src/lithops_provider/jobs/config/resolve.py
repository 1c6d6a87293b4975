"""
Resolves the Lithops configuration of a job: takes a given one, or that of Lithops's own files, and merges the settings
of a task over it. `LithopsHook` and scripts call `resolve_config`.

What this file says about Lithops is from config.py and constants.py of its version 3.8.0.
"""

from __future__ import annotations

import copy
import difflib
import json
import logging
import math
import os
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from lithops_provider.jobs.adapter.compute import quiet_lithops
from lithops_provider.jobs.adapter.storage import check_importable
from lithops_provider.jobs.config.complete import complete_config
from lithops_provider.jobs.config.names import (
    ARGUMENTS,
    BACKEND_ARGUMENTS,
    CLOUDS,
    LITHOPS_ARGUMENTS,
    LITHOPS_KEYS,
    MODES,
    NUMBERS,
    OTHER_SECTIONS,
    WHOLE_NUMBERS,
)
from lithops_provider.jobs.errors import ConfigurationError

log = logging.getLogger(__name__)

#: A configuration: settings by section.
Config = dict[str, dict[str, Any]]
#: A part of the configuration: words for where it comes from, and its sections. Later layers win over earlier ones.
Layer = tuple[str, Config]


def resolve_config(
    base: Mapping[str, Any] | None = None,
    lithops_config: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
    *,
    source: str = "config",
) -> dict[str, Any]:
    """
    Returns the complete Lithops configuration. The arguments aren't changed.

    :param base: configuration that replaces Lithops's own files, as ``FunctionExecutor(config=...)`` does.
        Without it: ``LITHOPS_CONFIG``, ``LITHOPS_CONFIG_FILE``, ``./.lithops_config``, ``~/.lithops/config``,
        ``/etc/lithops/config``; without any of these, localhost
    :param lithops_config: settings over ``base``, merged section by section
    :param arguments: settings over both, see `ARGUMENTS`; None means not given. ``workers`` is how many run
        at once: ``worker_processes`` on localhost, ``max_workers`` elsewhere
    :param source: names ``base`` in errors, e.g. ``connection 'lithops_default'``
    :raises ConfigurationError: it is wrong; the message names the source, the key and what is expected
    """
    check_importable()
    quiet_lithops()
    given = _checked_arguments(arguments or {})
    layers = [checked_layer(source, base)] if base else [_discovered()]
    if lithops_config:
        layers.append(checked_layer("lithops_config", lithops_config))
    layers.append(("argument", {"lithops": {key: given[key] for key in LITHOPS_ARGUMENTS if key in given}}))
    config = _merged(layers)

    backend = _set_backend(config, layers)
    for_backend = {key: given[key] for key in BACKEND_ARGUMENTS if key in given}
    if "workers" in for_backend:
        key = "worker_processes" if backend == "localhost" else "max_workers"
        for_backend[key] = for_backend.pop("workers")
    config.setdefault(backend, {}).update(for_backend)
    layers.append(("argument", {backend: for_backend}))

    _set_storage(config, layers, backend)
    _check_monitoring(config, layers)
    _read_numbers(config, layers, backend)
    _set_own_defaults(config, backend)
    complete = complete_config(config, _sources(layers))
    if "max_workers" in for_backend:
        # Lithops's aws_batch computes this from the size of its environment, whatever was given.
        complete[backend]["max_workers"] = min(int(complete[backend]["max_workers"]), config[backend]["max_workers"])
    storage = complete["lithops"]["storage"]
    log.info("Lithops configuration from %s: backend %s, storage %s", _sources(layers), backend, storage)
    return complete


def implied_backend(config: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Returns the compute backend that a configuration names or implies. Without either it is localhost.

    :param config: sections, as given
    """
    from lithops.utils import get_default_backend

    lithops = config.get("lithops", {})
    if lithops.get("backend"):
        return str(lithops["backend"])
    if (mode := lithops.get("mode")) in MODES:
        # In Lithops, the section of a mode can name the mode's backend.
        return str(config.get(mode, {}).get("backend") or get_default_backend(mode))
    # Lithops itself takes aws_lambda whenever a configuration names no backend, even without a section for AWS.
    return "aws_lambda" if "aws" in config or "aws_lambda" in config else "localhost"


def implied_storage(config: Mapping[str, Mapping[str, Any]]) -> str | None:
    """
    Returns the storage backend that a configuration names or implies, or None.

    :param config: sections, as given
    """
    if storage := config.get("lithops", {}).get("storage"):
        return str(storage)
    backend = implied_backend(config)
    if backend == "localhost":
        return "localhost"
    # Lithops takes aws_s3 for every other backend, which makes sense only where AWS is used.
    return "aws_s3" if backend.startswith("aws_") or "aws" in config or "aws_s3" in config else None


def compute_backends() -> list[str]:
    """Returns the names of Lithops's compute backends."""
    from lithops.constants import SERVERLESS_BACKENDS, STANDALONE_BACKENDS

    return ["localhost", *SERVERLESS_BACKENDS, *STANDALONE_BACKENDS]


def storage_backends() -> list[str]:
    """Returns the names of Lithops's storage backends."""
    from lithops.storage import backends

    return _submodules(backends)


def monitoring_backends() -> list[str]:
    """Returns the names of the backends for Lithops's monitoring, to which its workers can report."""
    from lithops.monitoring import backends

    return _submodules(backends)


def sections() -> list[str]:
    """Returns all names that sections of a configuration can have."""
    names = (*OTHER_SECTIONS, *CLOUDS, *compute_backends(), *storage_backends(), *monitoring_backends())
    return list(dict.fromkeys(names))


def one_of(given: object, allowed: Iterable[str]) -> str:
    """
    Returns the end of an error message about a wrong name: the right names that look like it, and all right names.

    :param given: the wrong name
    :param allowed: the right ones
    """
    names = list(allowed)
    similar = difflib.get_close_matches(str(given), names, n=3, cutoff=0.6)
    similar = similar or [name for name in names if str(given).lower() in name.split("_")]
    return (f"; did you mean {' or '.join(similar)}?" if similar else ".") + f" One of: {', '.join(names)}"


def checked_layer(source: str, config: object, *, any_section: bool = False) -> Layer:
    """
    Returns a copy of a configuration, all of whose sections are dicts. Empty sections (None) are left out.

    :param source: names it in errors
    :param config: what should be a configuration
    :param any_section: whether to accept sections that Lithops doesn't know, as Lithops does with its own files
    :raises ConfigurationError: it isn't a configuration
    """
    if not isinstance(config, Mapping):
        raise ConfigurationError(f"{source}: it must be a dict of sections, got {type(config).__name__}")
    known = sections()
    checked: Config = {}
    for name, section in config.items():
        if name not in known and not any_section:
            raise ConfigurationError(f"{source}: Lithops knows no section {name!r}{one_of(name, known)}")
        if section is None:
            continue
        if not isinstance(section, Mapping):
            hint = ". JSON in a string can't be masked, so it isn't read" if isinstance(section, str) else ""
            raise ConfigurationError(
                f"{source}: section {name!r} must be a dict of settings, got {type(section).__name__}{hint}"
            )
        checked[str(name)] = copy.deepcopy(dict(section))
    for key in checked.get("lithops", {}):
        similar = difflib.get_close_matches(str(key), LITHOPS_KEYS, n=1, cutoff=0.8)
        if key not in LITHOPS_KEYS and similar:
            raise ConfigurationError(f"{source}: lithops.{key} is no setting of Lithops; did you mean {similar[0]}?")
    return source, checked


def _checked_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in arguments.items() if value is not None}
    for key in given:
        if key not in ARGUMENTS:
            raise ConfigurationError(
                f"{key!r} is no setting of Lithops{one_of(key, ARGUMENTS)}. "
                "Other settings of a backend go into its section of lithops_config"
            )
    if "workers" in given and (_number(given["workers"], whole=True) or 0) < 1:
        raise ConfigurationError(f"argument 'workers' must be a whole number above 0, got {given['workers']!r}")
    return given


def _submodules(package: ModuleType) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(package.__path__)]


def _sources(layers: Iterable[Layer]) -> str:
    """Returns the words that name all sources."""
    return " with ".join(dict.fromkeys(source for source, _ in layers if source != "argument"))


def _place(layers: list[Layer], section: str, key: str) -> str:
    """Returns the words that name where a setting comes from."""
    for source, config in reversed(layers):
        if key in config.get(section, {}):
            return f"argument {key!r}" if source == "argument" else f"{source}: {section}.{key}"
    return f"{_sources(layers)}: {section}.{key}"


def _discovered() -> Layer:
    """Returns Lithops's own configuration, found where Lithops looks for it."""
    from lithops import config as lithops_config

    if (text := os.environ.get("LITHOPS_CONFIG")) is not None:
        source = "environment variable LITHOPS_CONFIG"
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(f"{source}: it must hold a JSON object: {error}") from None
    elif (path := lithops_config.get_default_config_filename()) is not None:
        source = f"Lithops configuration file {path}"
        if not Path(path).is_file():  # Lithops would silently take localhost
            raise ConfigurationError(f"{source}: there is no such file, but LITHOPS_CONFIG_FILE names it")
        try:
            found = lithops_config.load_yaml_config(path)
        except Exception as error:
            raise ConfigurationError(f"{source}: it can't be read as YAML: {error}") from None
    else:
        return "default settings (no connection and no Lithops configuration file)", {}
    return checked_layer(source, {} if found is None else found, any_section=True)


def _merged(layers: Iterable[Layer]) -> Config:
    config: Config = {"lithops": {}}
    for _, layer in layers:
        named = layer.get("lithops", {})
        if named.get("backend") or named.get("mode"):
            # A layer that names one of the two replaces both of an earlier layer. Otherwise Lithops would use the
            # earlier layer's backend though this one names another mode.
            for key in ("backend", "mode"):
                config["lithops"].pop(key, None)
        _merge(config, layer)
    return config


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def _set_backend(config: Config, layers: list[Layer]) -> str:
    """Names the compute backend in the configuration, and returns it."""
    from lithops.utils import get_mode

    lithops = config["lithops"]
    mode = lithops.get("mode")
    if mode and mode not in MODES:
        place = _place(layers, "lithops", "mode")
        raise ConfigurationError(f"{place}: Lithops has no mode {mode!r}{one_of(mode, MODES)}")
    known = compute_backends()
    backend = implied_backend(config)
    place = _place(layers, "lithops", "backend")
    if backend not in known:
        raise ConfigurationError(f"{place}: Lithops has no backend {backend!r}{one_of(backend, known)}")
    if mode and mode != get_mode(backend):
        raise ConfigurationError(
            f"{_place(layers, 'lithops', 'mode')} is {mode!r}, but {place} is {backend!r}, which is "
            f"{get_mode(backend)}; leave one of them out"
        )
    remote = [name for name in known if name != "localhost" and name in config]
    if remote and backend == "localhost" and not mode and not lithops.get("backend"):
        raise ConfigurationError(f"{place} is missing, and there is a section {remote[0]!r}; name the backend")
    lithops["backend"], lithops["mode"] = backend, get_mode(backend)
    return backend


def _set_storage(config: Config, layers: list[Layer], backend: str) -> None:
    """Names the storage backend in the configuration."""
    known = storage_backends()
    remote = [name for name in known if name != "localhost"]
    storage = implied_storage(config)
    place = _place(layers, "lithops", "storage")
    if storage is None:
        raise ConfigurationError(f"{place} is missing; backend {backend!r} needs one of: {', '.join(remote)}")
    if storage not in known:
        raise ConfigurationError(f"{place}: Lithops has no storage {storage!r}{one_of(storage, known)}")
    if storage == "localhost" and backend != "localhost":
        raise ConfigurationError(
            f"{place} is 'localhost', which backend {backend!r} can't reach; one of: {', '.join(remote)}"
        )
    config["lithops"]["storage"] = storage


def _check_monitoring(config: Config, layers: list[Layer]) -> None:
    from lithops.monitoring import backends as monitoring
    from lithops.telemetry import backends as telemetry

    for key, package in (("monitoring", monitoring), ("telemetry", telemetry)):
        name, known = package.resolve_backend(config), _submodules(package)
        if name and name not in known:
            place = _place(layers, "lithops", key)
            raise ConfigurationError(f"{place}: Lithops has no {key} {name!r}{one_of(name, known)}")


def _read_numbers(config: Config, layers: list[Layer], backend: str) -> None:
    """Checks the numbers, and converts those that came as text from a template, a URI or a form."""
    for name in ("lithops", backend):
        section = config[name]
        for key in (*WHOLE_NUMBERS, *NUMBERS):
            value = section.get(key)
            if value is None or (key == "worker_processes" and value == "AUTO"):
                continue
            number = _number(value, whole=key in WHOLE_NUMBERS)
            if number is None or number < 0 or (number == 0 and key != "chunksize"):
                kind = "whole number" if key in WHOLE_NUMBERS else "number"
                place = _place(layers, name, key)
                raise ConfigurationError(f"{place} must be a {kind} above 0, got {value!r}")
            section[key] = number


def _number(value: object, *, whole: bool) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if number.is_integer():
        return int(number)
    return None if whole or not math.isfinite(number) else number


def _set_own_defaults(config: Config, backend: str) -> None:
    """Sets what this package depends on, whatever the configuration says."""
    lithops = config["lithops"]
    lithops["data_cleaner"] = False  # True would delete a job's data when the process that sent it ends
    lithops.setdefault("data_limit", False)  # Lithops's default allows 4 MiB for all items of a job together
    for key in ("log_format", "log_stream", "log_filename"):
        lithops.pop(key, None)
    lithops["log_level"] = None  # with any other value Lithops closes the handlers of Airflow's task log
    if backend == "localhost":
        section = config["localhost"]
        if (version := section.get("version", 1)) != 1:
            log.warning("localhost.version is %r: 1 is used, others end with the task that sent the job", version)
        section["version"] = 1
        # Lithops looks for "python" on PATH, where Airflow's own interpreter need not be.
        if not section.get("runtime"):
            section["runtime"] = sys.executable
