"""Each process has its own file for the archive that Lithops uploads as a function."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from pathlib import Path

import pytest

from lithops_provider.jobs.adapter.workarounds.archives import BACKENDS, use_own_archive


def test_it_is_in_the_temporary_folder_under_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    config = importlib.import_module("lithops.serverless.backends.openwhisk.config")
    monkeypatch.setattr(config, "FH_ZIP_LOCATION", config.FH_ZIP_LOCATION)
    names = []
    for _ in range(2):
        use_own_archive("openwhisk")
        names.append(config.FH_ZIP_LOCATION)

    assert len(set(names)) == 2
    assert {Path(name).parent for name in names} == {Path(tempfile.gettempdir())}


def test_other_backends_are_left_alone() -> None:
    use_own_archive("aws_lambda")  # has no such setting


@pytest.mark.parametrize("backend", BACKENDS)
def test_lithops_makes_and_removes_it_where_the_setting_says(backend: str) -> None:
    """When it names the file itself, anew each time, this can go."""
    lithops = importlib.util.find_spec("lithops")
    assert lithops is not None
    folder = Path(str(lithops.origin)).parent / "serverless" / "backends" / backend
    source = (folder / f"{backend}.py").read_text()

    assert "FH_ZIP_LOCATION = os.path.join(" in (folder / "config.py").read_text()
    assert "create_handler_zip(config.FH_ZIP_LOCATION" in source
    assert "os.remove(config.FH_ZIP_LOCATION)" in source
