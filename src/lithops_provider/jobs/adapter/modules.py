"""
Finds the modules that are shipped with a job, for compute.py, and writes them where the job's functions run, for the
runner on localhost.
"""

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
    Returns the files and folders of modules that the runtime lacks, and of those that these import. Lithops would look
    for modules in the function's code alone: it misses those of classes and items, and folders without __init__.py.

    :param modules: names of the modules that the function and the items need
    :param preinstalls: the modules that the runtime has: name, and whether it is a package
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
            except (ImportError, ValueError):  # ValueError: a loaded module without a spec, made by code
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
    Writes the modules of a job before a call runs. It takes the place of Lithops's `write_module_data`, but never
    changes a file that exists: another call of the job may be importing it at that moment.

    :param folder: the folder of the job's modules
    :param modules: the files' contents in base64, by their paths
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
    """
    Returns the names of the modules to ship in addition to those that are found: the job's, and those of the
    configuration. None, from either, means that no module is shipped; `lithops.job.job._include_exclude_modules` reads
    both in this way.
    """
    configured = config["lithops"].get("include_modules", [])
    if include_modules is None or (isinstance(configured, str) and not include_modules):
        return None
    return {*([] if isinstance(configured, str) else configured or []), *include_modules}


def excluded(config: dict[str, Any], exclude_modules: list[str]) -> set[str]:
    """Returns the names of the modules to leave out: the job's, and those of the configuration."""
    return {*NOT_IN_RUNTIME, *(config["lithops"].get("exclude_modules") or []), *exclude_modules}
