"""The files that packages beside the DAG file bring along."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lithops_provider.jobs.adapter import package_data as module
from lithops_provider.jobs.adapter.package_data import package_data
from lithops_provider.jobs.errors import NotPortableError
from tests.jobs.conftest import MapStarter
from tests.jobs.dag_modules import load

CODE = """
import importlib.resources
from pathlib import Path

def by_path(name):
    return (Path(__file__).parent / name).read_text()

def by_resources(name):
    return (importlib.resources.files("{name}") / name).read_text()
"""
DAG_FILE = """
import {name}.code

def read(name):
    return [{name}.code.by_path(name), {name}.code.by_resources(name)]
"""


@pytest.fixture(params=["with __init__.py", "without"])
def package(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / f"tables_{os.getpid()}_{request.param_index}"
    (folder / "deep").mkdir(parents=True)
    if request.param != "without":
        (folder / "__init__.py").write_text("")
    (folder / "code.py").write_text(CODE.format(name=folder.name))
    (folder / "table.json").write_text("[1]")
    (folder / "deep" / "über.csv").write_text("a,b")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.name]:
        del sys.modules[name]


def test_functions_read_them(package: Path, run_map: MapStarter) -> None:
    name = f"unusual_prefix_1_{package.name}_dag"
    path = package.parent / "dag.py"
    path.write_text(DAG_FILE.format(name=package.name))
    dag = load(path, name)
    try:
        run = run_map(dag.read, ["table.json", "deep/über.csv"])
        results = run.results()
        assert [failure.traceback for failure in run.failures()] == []
        assert results == [["[1]", "[1]"], ["a,b", "a,b"]]
    finally:
        del sys.modules[name]


def test_what_nobody_reads_stays_behind(package: Path) -> None:
    for name in (".env", ".git/config", "__pycache__/code.pyc", "old.pyc", "fast.so", "deep/.hidden"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("s3cret")
    os.mkfifo(package / "pipe")
    (package / "loop").symlink_to(package)
    (package / "gone").symlink_to(package / "nowhere")

    found = package_data([str(package), str(package / "code.py")])

    assert {name: base64.b64decode(data).decode() for name, data in found.items()} == {
        f"{package.name}/table.json": "[1]",
        f"{package.name}/deep/über.csv": "a,b",
    }


def test_installed_packages_have_theirs(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.site, "getsitepackages", lambda: [str(package.parent)])

    assert package_data([str(package)]) == {}


def test_too_much_is_an_error_that_names_it(package: Path) -> None:
    (package / "large.bin").write_bytes(bytes(module.MAX_PACKAGE_DATA - 6))
    assert len(package_data([str(package)])) == 3  # exactly as much as may be

    with open(package / "large.bin", "ab") as file:
        file.write(b"0")
    with pytest.raises(NotPortableError) as raised:
        package_data([str(package)])
    for part in (f"the package {package.name} ({package})", "large.bin (10.0 MiB)", "exclude_modules"):
        assert part in str(raised.value)


def test_a_file_that_goes_meanwhile_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(file: Path) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", str(file))

    monkeypatch.setattr(Path, "read_bytes", gone)
    with pytest.raises(NotPortableError, match=r"table\.json|ber\.csv"):
        package_data([str(package)])
