"""What other people's code imports, and what that costs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.fresh import run_after_airflow
from tests.programs import run_python

#: Every public name: others import these.
PUBLIC = {
    "lithops_provider.operators": ["LithopsCallAsyncOperator", "LithopsMapOperator", "LithopsMapReduceOperator"],
    "lithops_provider.decorators": ["Output", "lithops_map", "lithops_map_reduce", "lithops_task"],
    "lithops_provider.executors": ["LithopsExecutor"],
    "lithops_provider.hooks": ["LithopsHook"],
    "lithops_provider.triggers": ["LithopsJobTrigger"],
    "lithops_provider.sensors": ["LithopsJobSensor"],
    "lithops_provider.jobs": [
        "JobRun",
        "LithopsClient",
        "LithopsJob",
        "Options",
        "ReduceByKey",
        "Reduction",
        "Round",
        "TreeReduce",
        "bind_call",
        "bind_items",
        "bind_object",
        "bind_objects",
        "bind_reduce",
        "cancel_job",
        "check_results",
        "clean_job",
        "clean_older_than",
        "gather_results",
        "iter_results",
        "look_at_job",
        "make_spec",
        "reduce_items",
        "reduce_job",
        "resolve_config",
        "wait_for_job",
    ],
}


@pytest.mark.parametrize(("module", "names"), PUBLIC.items())
def test_public_names(module: str, names: list[str]) -> None:
    found = importlib.import_module(module)

    assert sorted(found.__all__) == names
    for name in names:
        assert hasattr(found, name)


def test_what_is_not_public_is_no_attribute() -> None:
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from lithops_provider.jobs import nothing  # noqa: F401


def test_every_name_in_the_page_about_jobs_is_public() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "jobs.md").read_text()
    imports = re.findall(r"from lithops_provider\.jobs import (?:\(([^)]*)\)|(.*))", page)
    names = {name.strip() for found in imports for name in "".join(found).split(",")} - {""}
    assert names
    assert names <= {*PUBLIC["lithops_provider.jobs"]}


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
    assert run_python(code) == b"[]\n"
