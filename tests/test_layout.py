"""
The layout that docs/architecture.md describes: no import circle, no crowded folder, no long file, and tests that mirror
the modules.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

PACKAGE = "lithops_provider"
SOURCE = Path(__file__).resolve().parent.parent / "src" / PACKAGE
FILES = sorted(SOURCE.rglob("*.py"))

TESTS = SOURCE.parent.parent / "tests"

MOST_ENTRIES = 20
MOST_LINES = 400

#: Modules that nothing can be tested of, or whose tests are elsewhere. Those that only say what a package is for aren't
#: listed.
WITHOUT_TESTS = {
    "connection/settings.py": "a value",
    "executors/__init__.py": "exports",
    "executors/reports.py": "values",
    "jobs/__init__.py": "exports, lazily: tests/test_public_names.py",
    "jobs/config/names.py": "constants",
    "jobs/remote/reduce/stored.py": "values",
    "operators/__init__.py": "exports",
    "report/xcoms.py": "constants",
}
#: Test modules that mirror no module. Those of tests/airflow and tests/backends need an Airflow or servers, and test
#: the package as a whole.
OF_NO_MODULE = {
    "jobs/adapter/test_standalone.py": "of compute.py: Lithops's standalone backends",
    "jobs/remote/test_airflow_exceptions.py": "of items.py, which has many tests: exceptions of Airflow",
    "jobs/remote/test_batch_storage.py": "of batch.py, which has many tests: a storage that fails",
    "jobs/remote/test_damaged_parts.py": "of parts.py, which has many tests: what somebody has changed",
    "jobs/remote/test_forks.py": "of items.py, which has many tests: functions that fork",
    "jobs/remote/test_item_failures.py": "of items.py, which has many tests: texts of failures",
    "jobs/remote/test_leftovers.py": "of isolation.py, which has many tests: what functions leave running",
    "jobs/remote/test_output_texts.py": "of output.py, which has many tests: texts that can't be shown as they are",
    "jobs/test_disks.py": "a disk that is full or read-only, from the job to its retry",
    "jobs/test_functions.py": "functions of every kind, from the binding to the result",
    "jobs/test_torn_objects.py": "objects that are cut off, for whoever reads them",
    "operators/test_cache.py": "cached results, for all operators",
    "test_backends_page.py": "docs/backends.md",
    "test_conftest.py": "tests/conftest.py",
    "test_dag_functions.py": "functions of DAG files, from the pickling to the result",
    "test_docs.py": "the documentation",
    "test_first_look.py": "tools/first_look.py",
    "test_guides.py": "the programs of docs/guides",
    "test_layout.py": "this",
    "test_project.py": "pyproject.toml, Makefile and workflows",
    "test_public_names.py": "the names that users import",
    "test_side_by_side.py": "tools/side_by_side.py",
    "ui/test_static.py": "the scripts in ui/static, in a browser",
}


def name_of(path: Path) -> str:
    """Returns the dotted name of a module's file."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@functools.cache
def imported(module: str) -> frozenset[str]:
    """Returns the modules of this package that a module imports, within functions and for type checking, too."""
    return frozenset(_imported(module))


def _imported(module: str) -> Iterator[str]:
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) + 1 - node.level]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                target = f"{origin}.{alias.name}"
                found = target if target in MODULES else origin
                if found in MODULES:
                    yield found


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: imported(module) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from None


def test_no_folder_imports_itself_through_others() -> None:
    """A folder counts as one, and so does each module beside it: `jobs.follow`, `jobs.cancel`."""

    def room(module: str, inside: str) -> str:
        return ".".join(module.split(".")[: inside.count(".") + 2])

    for inside in (PACKAGE, f"{PACKAGE}.jobs"):
        graph: dict[str, set[str]] = {}
        for module in MODULES:
            if module.startswith(f"{inside}."):
                others = {room(name, inside) for name in imported(module) if name.startswith(f"{inside}.")}
                graph.setdefault(room(module, inside), set()).update(others - {room(module, inside)})
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            raise AssertionError(" <- ".join(error.args[1])) from None


def test_no_folder_has_too_many_entries() -> None:
    folders = {SOURCE, *(path.parent for path in FILES)}
    counts = {
        folder.name: sum(1 for entry in folder.iterdir() if entry.name != "__pycache__") for folder in sorted(folders)
    }
    assert {name: count for name, count in counts.items() if count > MOST_ENTRIES} == {}


def test_no_file_is_too_long() -> None:
    project = SOURCE.parent.parent
    folders = ("src", "tests", "tools", "benchmarks", "example_dags")
    counts = {
        str(path.relative_to(project)): len(path.read_text().splitlines())
        for folder in folders
        for path in (project / folder).rglob("*.py")
    }
    assert len(counts) > len(MODULES)
    assert {name: count for name, count in counts.items() if count > MOST_LINES} == {}


def mirrored(module: str) -> str:
    """
    Returns where the tests of a module are, below tests/; those of an ``__init__.py`` are in ``test_init.py``.

    :param module: path of its file in the package
    """
    path = PurePosixPath(module)
    return str(path.with_name(f"test_{path.stem.strip('_')}.py"))


def only_says_what_it_is_for(path: Path) -> bool:
    """Tells whether a module has a docstring, or constants, and nothing else."""
    return all(isinstance(node, (ast.Expr, ast.Assign)) for node in ast.parse(path.read_text()).body)


def test_each_module_has_its_tests_where_the_tree_of_tests_mirrors_it() -> None:
    modules = {str(path.relative_to(SOURCE)) for path in FILES}
    silent = {str(path.relative_to(SOURCE)) for path in FILES if only_says_what_it_is_for(path)}
    tested = {name for name in modules if (TESTS / mirrored(name)).exists()}

    assert sorted(modules - tested - silent - WITHOUT_TESTS.keys()) == []
    assert sorted(WITHOUT_TESTS.keys() & tested) == []
    assert sorted(WITHOUT_TESTS.keys() - modules) == []


def test_modules_without_tests_have_no_functions() -> None:
    exempt = [name for name, reason in WITHOUT_TESTS.items() if "tests/" not in reason]
    functions = {
        f"{name}: {node.name}"
        for name in exempt
        for node in ast.walk(ast.parse((SOURCE / name).read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert functions == set()


def test_each_test_module_mirrors_a_module_or_says_what_it_is_about() -> None:
    elsewhere = ("airflow", "backends")
    found = {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")}
    found = {name for name in found if name.partition("/")[0] not in elsewhere}
    mirrors = {mirrored(str(path.relative_to(SOURCE))) for path in FILES}

    assert sorted(found - mirrors - OF_NO_MODULE.keys()) == []
    assert sorted(OF_NO_MODULE.keys() - found) == []
