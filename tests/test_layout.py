"""The layout that docs/architecture.md describes: no import circle, no crowded folder, no long file."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "lithops_provider"
SOURCE = Path(__file__).resolve().parent.parent / "src" / PACKAGE
FILES = sorted(SOURCE.rglob("*.py"))

MOST_ENTRIES = 20
MOST_LINES = 400


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
