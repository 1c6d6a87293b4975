"""Which modules travel with a job, and how they are written where it runs."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lithops_provider.jobs.adapter import modules as lithops_modules
from lithops_provider.jobs.adapter.modules import write_modules
from lithops_provider.jobs.client import LithopsClient


def test_modules_are_found_excluded_and_left_out(client: LithopsClient) -> None:
    from lithops.job.serialize import SerializeIndependent

    installed = client.compute.invoker.select_runtime("M000", None)["preinstalls"]
    finder = SerializeIndependent(installed)
    ours = str(Path(__file__).parents[2])

    assert finder.module_paths([], {"tests"}, set()) == {ours}
    assert ours in lithops_modules.module_paths(["tests.jobs.batches"], installed, set())
    assert ours not in lithops_modules.module_paths(["tests.jobs.batches"], installed, {"tests"})
    assert lithops_modules.module_paths(["json", "cloudpickle", "builtins", "__main__"], installed, set()) == set()


def test_modules_are_written_as_lithops_writes_them(tmp_path: Path) -> None:
    from lithops.job.serialize import create_module_data, write_module_data

    data = create_module_data({str(Path(__file__).parents[1]), __file__})
    for write, folder in ((write_module_data, "theirs"), (write_modules, "ours"), (write_modules, "ours")):
        write(str(tmp_path / folder), data)
    theirs, ours = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "theirs", tmp_path / "ours")
    )

    assert ours == theirs
    assert len(ours) > 10


def test_a_module_that_is_one_compiled_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / f"compiled_alone{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    file.touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    assert lithops_modules.module_paths(["compiled_alone"], [], set()) == {str(file)}


def test_modules_without_a_file_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "made_by_code", ModuleType("made_by_code"))
    (tmp_path / "with_a_file.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ["made_by_code", "nowhere_to_be_found", "with_a_file"]

    assert lithops_modules.module_paths(names, [], set()) == {str(tmp_path / "with_a_file.py")}
