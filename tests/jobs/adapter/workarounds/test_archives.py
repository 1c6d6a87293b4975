"""Each process has its own file for the archive that Lithops uploads as a function."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from pathlib import Path

import pytest

from lithops_provider.jobs.adapter.workarounds import archives
from lithops_provider.jobs.adapter.workarounds.archives import BACKENDS, use_own_archive
from tests.jobs.adapter.workarounds.sources import source_of


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
    config = importlib.import_module("lithops.serverless.backends.singularity.config")
    before = config.FH_ZIP_LOCATION
    use_own_archive("singularity")  # builds an image of it

    assert before == config.FH_ZIP_LOCATION


def test_that_of_aws_lambda_is_where_it_was_for_an_image_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("boto3")
    module = importlib.import_module("lithops.serverless.backends.aws_lambda.aws_lambda")
    for owner, name in (
        (module, "LITHOPS_FUNCTION_ZIP"),
        (module, "BUILD_LAYER_FUNCTION_ZIP"),
        (module.AWSLambdaBackend, "_create_handler_bin"),
    ):
        monkeypatch.setattr(owner, name, vars(owner)[name])
    made: list[Path] = []

    def create_handler_zip(path: str, *parts: str) -> None:
        made.append(Path(path).absolute())
        made[-1].write_bytes(b"archive")

    monkeypatch.setattr(module.utils, "create_handler_zip", create_handler_zip)
    monkeypatch.chdir(tmp_path)
    archives._use_own_archives_of_lambda.cache_clear()
    use_own_archive("aws_lambda")
    create = module.AWSLambdaBackend._create_handler_bin

    assert create() == create(remove=False) == b"archive"
    assert Path(module.BUILD_LAYER_FUNCTION_ZIP).parent == made[0].parent == Path(tempfile.gettempdir())
    assert made[1] == tmp_path / "lithops_lambda.zip"
    assert [path.exists() for path in made] == [False, True]
    archives._use_own_archives_of_lambda.cache_clear()  # what was mended is undone


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


def test_lithops_makes_that_of_aws_lambda_where_the_setting_says() -> None:
    """When it names the file itself, anew each time, this can go."""
    source = source_of("lithops.serverless.backends.aws_lambda.aws_lambda")

    assert "create_handler_zip(LITHOPS_FUNCTION_ZIP, " in source
    assert "zipfile.ZipFile(BUILD_LAYER_FUNCTION_ZIP, 'w')" in source
    assert "code = self._create_handler_bin()" in source
    assert "self._create_handler_bin(remove=False)" in source
