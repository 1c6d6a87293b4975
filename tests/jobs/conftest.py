"""A real client of the localhost backend, and short ways to run jobs on it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from lithops_provider.jobs.binding.function import Binding, bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.follow.processes import runner_pids
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs import process_faas
from tests.jobs.batches import batch  # noqa: F401 - a fixture
from tests.jobs.failures import Tally
from tests.jobs.warm import warm_runners  # noqa: F401 - a fixture
from tools.waiting import HANGS, wait_until

#: Seconds between polls: a test should not wait for the default.
POLL = 0.05


class MapStarter(Protocol):
    def __call__(self, function: Any, iterdata: Any, extra_args: Any = None, **options: Any) -> JobRun: ...


class ItemsRunner(Protocol):
    def __call__(self, binding: Binding, items: Iterable[tuple[Any, ...]], **options: Any) -> JobRun: ...


@pytest.fixture(scope="session", autouse=True)
def _no_runner_is_left() -> Iterator[None]:
    """Reaps the runners of the localhost backend, each of which ends with its job."""
    yield
    from lithops_provider.jobs.adapter import localhost

    for runner in localhost._runners:
        runner.wait(HANGS)


@pytest.fixture
def client() -> LithopsClient:
    return LithopsClient(resolve_config())


def started(client: LithopsClient, binding: Binding, items: Iterable[tuple[Any, ...]], **options: Any) -> JobRun:
    """Submits a map."""
    run = JobRun(client, make_spec("map", binding, items, Options(**options)), poll_interval=POLL)
    run.submit()
    return run


def finished(client: LithopsClient, binding: Binding, items: Iterable[tuple[Any, ...]], **options: Any) -> JobRun:
    """Runs a map to its end."""
    run = started(client, binding, items, **options)
    run.finish()
    return run


def runner_of(job: LithopsJob) -> int:
    """Returns the process id of a localhost job's runner, which leads the session that its calls are in."""
    return os.getsid(runner_pids(job)[0])


def kill_all(pids: Iterable[int]) -> None:
    """Kills processes, some of which may end by themselves when another of them is killed."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class FaasMaker(Protocol):
    def __call__(self, **settings: Any) -> LithopsClient: ...


@pytest.fixture
def faas(client: LithopsClient) -> Iterator[FaasMaker]:
    """Makes clients of a FaaS backend that starts a process per invocation, with localhost's storage."""
    process_faas.register()
    yield lambda **settings: LithopsClient(process_faas.configure(client.config, **settings))
    process_faas.end()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Makes a text the module ``travels.module``, which runners don't have on their path."""

    def make(text: str) -> ModuleType:
        package = tmp_path / "packages" / "travels"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "module.py").write_text(text)
        monkeypatch.syspath_prepend(str(package.parent))
        return importlib.import_module("travels.module")

    yield make
    for name in ("travels", "travels.module"):
        sys.modules.pop(name, None)


@pytest.fixture
def start_map(client: LithopsClient) -> MapStarter:
    """Submits a map and returns it."""

    def start(function: Any, iterdata: Any, extra_args: Any = None, **options: Any) -> JobRun:
        return started(client, *bind_items(function, iterdata, extra_args), **options)

    return start


@pytest.fixture
def run_items(client: LithopsClient) -> ItemsRunner:
    """Runs items that are bound already to their end."""

    return functools.partial(finished, client)


@pytest.fixture
def run_map(client: LithopsClient) -> MapStarter:
    """Runs a map to its end."""

    def run(function: Any, iterdata: Any, extra_args: Any = None, **options: Any) -> JobRun:
        return finished(client, *bind_items(function, iterdata, extra_args), **options)

    return run


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until a condition is true."""
    wait_until(condition, interval=0.02)


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    return Tally(tmp_path / "tally")
