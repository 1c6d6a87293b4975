"""What other people's code imports, and what that costs."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from tests.fresh import run_after_airflow

PUBLIC = {
    "lithops_provider.operators": [
        "LithopsCallAsyncOperator",
        "LithopsMapOperator",
        "LithopsMapReduceOperator",
    ],
    "lithops_provider.hooks": ["LithopsHook"],
    "lithops_provider.triggers": ["LithopsJobTrigger"],
    "lithops_provider.sensors": ["LithopsJobSensor"],
    "lithops_provider.jobs": ["LithopsJob"],
}


@pytest.mark.parametrize(("module", "names"), PUBLIC.items())
def test_public_names(module: str, names: list[str]) -> None:
    for name in names:
        assert getattr(importlib.import_module(module), name).__name__ == name


@pytest.mark.parametrize("module", [*PUBLIC, "lithops_provider.get_provider_info"])
def test_no_public_module_imports_lithops(module: str) -> None:
    """`import lithops` costs half a second and makes directories: a DAG file must not pay for it."""
    code = f"import sys, {module}; print([m for m in ('lithops', 'cloudpickle', 'numpy') if m in sys.modules])"
    assert run_after_airflow(code).splitlines()[-1] == "[]"


def test_the_jobs_layer_imports_no_airflow() -> None:
    code = (
        "import sys, pkgutil, importlib, lithops_provider.jobs as jobs\n"
        "for found in pkgutil.walk_packages(jobs.__path__, 'lithops_provider.jobs.'):\n"
        "    importlib.import_module(found.name)\n"
        "print([m for m in sys.modules if m.partition('.')[0] == 'airflow'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
