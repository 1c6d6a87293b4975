"""What Lithops writes on this machine for jobs on localhost: modules, and a copy of itself for other interpreters."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from lithops_provider.jobs.adapter.compute import runner_prepared
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.follow.processes import is_local, runner_pids
from tests.jobs.conftest import MapStarter, finished, started, wait_for
from tests.jobs.dag_modules import load
from tests.jobs.looked_at import wait_for_file


@pytest.fixture
def interpreter(tmp_path: Path) -> str:
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


def client_of(interpreter: str) -> LithopsClient:
    """Returns what a new process would get."""
    from lithops.localhost import utils

    utils._COPIED_PACKAGES.clear()
    return LithopsClient(resolve_config({"lithops": {"backend": "localhost"}, "localhost": {"runtime": interpreter}}))


def test_a_new_process_leaves_the_package_alone_that_runners_of_others_import_from(interpreter: str) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    first = finished(client_of(interpreter), *bind_items(abs, [-1])).results()
    module = Path(LITHOPS_TEMP_DIR, "lithops", "version.py")
    before = module.stat().st_ino
    second = finished(client_of(interpreter), *bind_items(abs, [-2])).results()
    kept = module.stat().st_ino
    module.unlink()
    third = finished(client_of(interpreter), *bind_items(abs, [-3])).results()

    assert (first, second, third) == ([1], [2], [3])
    assert kept == before
    assert module.exists()


def test_a_job_of_an_interpreter_that_is_found_by_its_name_is_stopped_with_its_processes(
    interpreter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(interpreter).rename(tmp_path / "python3-other")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    client = client_of("python3-other")
    run = started(client, *bind_items(wait_for_file, [str(tmp_path / "never")]), batch_size=1)
    wait_for(lambda: bool(runner_pids(run.job)))
    cancel_job(client, run.job)

    assert is_local(run.job)
    wait_for(lambda: not runner_pids(run.job))


def test_a_runner_can_be_found_once_it_is_started(interpreter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment, a process that starts has no command line."""
    client = client_of(interpreter)
    command_line, looks = psutil.Process.cmdline, []

    def empty_at_first(process: psutil.Process) -> list[str]:
        looks.append(process.pid)
        return [] if len(looks) < 4 else command_line(process)

    monkeypatch.setattr(psutil.Process, "cmdline", empty_at_first)
    run = started(client, *bind_items(time.sleep, [600]))
    looked_at = looks.copy()
    cancel_job(client, run.job)

    assert (len(looked_at), len(set(looked_at))) == (4, 1)


def test_modules_that_came_with_a_job_are_not_written_again_by_each_call(
    run_map: MapStarter, packaged: Callable[[str], ModuleType]
) -> None:
    module = packaged("import os\n\ndef look(x):\n    return __file__, os.stat(__file__).st_mtime_ns\n")
    (seen,) = set(run_map(module.look, range(20), batch_size=1).results())

    assert seen[0] != module.__file__, "the module came with the job"


_LOADED = """
def loaded(x):
    import sys
    found = [name for name in ("numpy", "pika", "requests", "lithops") if name in sys.modules]
    {use}
    return found
"""


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize(("use", "found"), [("", ["lithops"]), ("import numpy", ["numpy", "lithops"])])
def test_a_runner_imports_numpy_beforehand_only_for_functions_that_may_use_it(
    use: str,
    found: list[str],
    prepared: bool,
    client: LithopsClient,
    run_map: MapStarter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "dag.py").write_text(_LOADED.format(use=use))
    monkeypatch.setenv("SOMETHING_NEW", "so that the runner isn't one that was forked for the tests")
    name = f"unusual_prefix_{tmp_path.name}"

    with runner_prepared(client.config) if prepared else contextlib.nullcontext():
        assert run_map(load(tmp_path / "dag.py", name).loaded, [0]).results() == [found]
