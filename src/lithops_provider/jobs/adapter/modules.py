"""Which modules travel with a job, and how they are written where it runs."""

from __future__ import annotations

import base64
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

#: Packages that the functions' runtime doesn't have.
NOT_IN_RUNTIME = ("airflow", "lithops_provider")


def module_paths(modules: Collection[str], preinstalls: list[Any], excludes: set[str]) -> set[str]:
    """
    Returns the files and folders of modules that the runtime lacks, and of those that they import. Lithops finds the
    modules by looking at the function, and misses those of classes, of items, and in folders without __init__.py.

    :param modules: names of modules
    :param preinstalls: what the runtime has: name, and whether it is a package
    :param excludes: names of modules to leave out
    """
    from lithops.libs.multyvac.module_dependency import ModuleDependencyAnalyzer

    analyzer = ModuleDependencyAnalyzer()
    analyzer.ignore([*(name for name, _ in preinstalls), "lithops", *excludes, *sys.stdlib_module_names])
    paths: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the analyzer leaves closing files to Python
        for root in sorted({name.partition(".")[0] for name in modules} - {"__main__", "builtins"}):
            if root in analyzer._modules_to_ignore:
                continue
            try:
                spec = importlib.util.find_spec(root)
            except (ImportError, ValueError):  # ValueError: it is loaded, but was never found
                continue
            if spec is None:
                continue
            if spec.origin is not None and spec.origin.endswith((".so", ".pyd")):
                paths.add(spec.origin)  # it has no imports to be analysed
            elif spec.origin is None and spec.submodule_search_locations is not None:
                for folder in spec.submodule_search_locations:
                    analyzer._deep_inspect_path(folder, root)
                    paths.add(folder)
                while analyzer._modules_to_inspect:
                    analyzer._inspect(analyzer._modules_to_inspect.pop())
            else:
                analyzer.add(root)
    paths |= analyzer.get_and_clear_paths()
    return paths


def write_modules(folder: str, modules: Mapping[str, str] | None) -> None:
    """
    Does what Lithops's `write_module_data` does for each call of a job, but never changes a file that is there: another
    call may be importing it at that moment.

    :param folder: the job's
    :param modules: base64 of the files, by their paths
    """
    for name, content in (modules or {}).items():
        path = Path(folder, name.lstrip("/"))
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(base64.b64decode(content))
        os.replace(file.name, path)


def included(config: dict[str, Any], include_modules: list[str] | None) -> set[str] | None:
    """As `lithops.job.job._include_exclude_modules` reads it: None, here or in the configuration, ships nothing."""
    configured = config["lithops"].get("include_modules", [])
    if include_modules is None or (isinstance(configured, str) and not include_modules):
        return None
    return {*([] if isinstance(configured, str) else configured or []), *include_modules}


def excluded(config: dict[str, Any], exclude_modules: list[str]) -> set[str]:
    """Returns the names of the modules to leave out: the job's, and those of the configuration."""
    return {*NOT_IN_RUNTIME, *(config["lithops"].get("exclude_modules") or []), *exclude_modules}
