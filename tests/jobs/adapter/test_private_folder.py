"""Other users of the machine: what they must not see, and what they must not have put in place before."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lithops_provider.jobs.adapter.private_folder import lithops_folder, make_private, make_private_file
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import ConfigurationError
from tests.jobs.conftest import MapStarter
from tests.jobs.other_user import OTHER, as_other_user, needs_root
from tools.waiting import HANGS


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that all users can write to, as /tmp is: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_it_is_closed_to_others_from_the_start(tmp_path: Path) -> None:
    folder = make_private(str(tmp_path / "lithops"))
    make_private_file(f"{folder}/file")

    assert (mode(folder), mode(f"{folder}/file")) == (0o700, 0o600)
    assert make_private(folder) == folder


def test_what_others_could_read_but_not_write_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "lithops"
    folder.mkdir()
    (folder / "object").write_text("kept")
    folder.chmod(0o755)

    assert mode(make_private(str(folder))) == 0o700
    assert (folder / "object").read_text() == "kept"


@pytest.mark.parametrize("open_to", [0o777, 0o770, 0o702, 0o1777])
@pytest.mark.parametrize("planted", ["file", "link", "folder of another"])
def test_one_that_others_could_have_put_something_into_is_refused(tmp_path: Path, open_to: int, planted: str) -> None:
    inner = tmp_path / "lithops" / "jobs"
    inner.mkdir(parents=True)
    if planted == "file":
        (inner / "runner.py").touch()
    elif planted == "link":
        (inner / "modules").symlink_to(tmp_path)
    elif os.geteuid() == 0:
        os.chown(inner, OTHER, OTHER)
    else:
        pytest.skip("only root can give a folder to another user")
    inner.parent.chmod(open_to)

    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"others could write.*TMPDIR"):
            make_private(str(inner.parent))
    assert mode(inner.parent) == open_to


@pytest.mark.parametrize("open_to", [0o777, 0o775, 0o755])
def test_the_empty_folders_that_importing_lithops_makes_are_closed(tmp_path: Path, open_to: int) -> None:
    folder = tmp_path / "lithops"
    (folder / "jobs").mkdir(parents=True)
    folder.chmod(open_to)

    assert mode(make_private(str(folder))) == 0o700


@pytest.mark.parametrize("kind", ["link", "dangling link", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    """A link of another user may lead to any folder of the victim's."""
    path = tmp_path / "lithops"
    if kind == "file":
        path.touch()
    else:
        path.symlink_to(tmp_path if kind == "link" else tmp_path / "nowhere")
    before = mode(tmp_path)

    with pytest.raises(ConfigurationError, match="a link, a file"):
        make_private(str(path))
    assert mode(tmp_path) == before
    assert not (tmp_path / "nowhere").exists()


def test_one_that_cannot_be_made_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lithops can't be made: No such file or directory; .*TMPDIR"):
        make_private(str(tmp_path / "nowhere" / "lithops"))


def test_a_file_that_somebody_has_put_in_place_is_not_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "job.json").symlink_to(victim)

    with pytest.raises(FileExistsError):
        make_private_file(str(tmp_path / "job.json"))
    assert victim.read_text() == "mine"


@needs_root
def test_one_that_another_user_has_put_in_place_is_refused(shared: Path) -> None:
    folder = shared / "lithops-root"
    assert as_other_user(lambda: os.mkdir(folder, 0o755)) == "None"
    assert folder.stat().st_uid == OTHER

    with pytest.raises(ConfigurationError, match=f"belongs to the user with the id {OTHER}"):
        make_private(str(folder))


@needs_root
def test_another_users_folder_can_not_be_had_by_him_who_may_look_into_it_only(shared: Path) -> None:
    folder = make_private(str(shared / "lithops"))

    assert as_other_user(lambda: make_private(folder)) == "ConfigurationError"


def run_in(temp: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with another folder for temporary files: Lithops takes it when it is imported."""
    environment = {**os.environ, "TMPDIR": str(temp), "USER": "me"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=HANGS, check=False
    )


JOB = """
import json, os
os.umask(0)
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from tests.jobs.conftest import finished
from lithops_provider.jobs.binding.function import bind_items
run = finished(LithopsClient(resolve_config()), *bind_items(abs, [-1]))
print(json.dumps(run.results()))
"""


@needs_root
def test_another_user_sees_nothing_of_a_job(shared: Path) -> None:
    done = run_in(shared, JOB)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [1]
    files = [path for path in shared.rglob("*") if path.is_file()]
    assert any(path.name == "items" for path in files)

    seen = as_other_user(lambda: [str(path) for path in shared.rglob("*") if path.name != "lithops-me"])
    opened = {as_other_user(lambda path=path: path.read_bytes()) for path in files}  # type: ignore[misc]

    assert seen == "[]"
    assert opened == {"PermissionError"}


@needs_root
def test_no_code_runs_from_a_folder_that_another_user_has_put_in_place(shared: Path) -> None:
    def plant() -> None:
        (shared / "lithops-me" / "lithops").mkdir(parents=True)
        (shared / "lithops-me" / "lithops" / "__init__.py").write_text(f"open({str(shared / 'ran')!r}, 'w')")

    assert as_other_user(plant) == "None"

    done = run_in(shared, JOB)

    assert done.returncode != 0
    assert "belongs to the user" in done.stderr
    assert not (shared / "ran").exists()
    assert [path.name for path in shared.rglob("*") if path.is_file()] == ["__init__.py"]


@pytest.mark.parametrize("call", ["private_folder import lithops_folder", "storage import open_storage"])
def test_a_folder_above_in_which_others_can_replace_it_is_refused(shared: Path, call: str) -> None:
    shared.chmod(0o777)
    arguments = "" if "folder" in call else "{}, 'localhost'"

    done = run_in(shared, f"from lithops_provider.jobs.adapter.{call} as use; use({arguments})")

    assert done.returncode != 0
    assert "every user of this machine can replace folders" in done.stderr


@pytest.mark.usefixtures("no_umask")
def test_the_job_file_is_never_readable_to_others(
    client: LithopsClient, start_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the configuration, credentials included."""
    from lithops.localhost.v1 import localhost

    modes: list[int] = []
    dump = json.dump

    def watched(value: object, file: object, **kwargs: object) -> None:
        modes.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))  # type: ignore[attr-defined]
        dump(value, file, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(localhost.json, "dump", watched)
    start_map(abs, [1]).finish()

    assert modes
    assert set(modes) == {0o600}
    assert mode(lithops_folder()) == 0o700
