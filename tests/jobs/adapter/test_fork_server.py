"""A process that has imported what functions need starts the runners of their jobs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import psutil
import pytest

from lithops_provider.jobs.adapter import fork_server as module
from lithops_provider.jobs.adapter.fork_server import ForkServer
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.follow.processes import runner_pids
from tests.jobs.conftest import FaasMaker, finished, started, wait_for
from tests.jobs.looked_at import wait_for_file


@pytest.fixture
def server(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    made = ForkServer(["wave", "no_such_module"], {**os.environ, "OF_THE_SERVER": "yes"})
    client.compute.start_runners_by(made)
    yield made
    made.stop()


def process_of(server: ForkServer) -> int:
    assert server._process is not None
    return server._process.pid


def test_functions_find_what_it_has_imported_and_its_environment(client: LithopsClient, server: ForkServer) -> None:
    def look(item: int) -> tuple[int, bool, str]:
        import sys

        return item, "wave" in sys.modules, os.environ["OF_THE_SERVER"]

    for number in range(2):
        run = finished(client, *bind_items(look, [number, number + 1]), batch_size=1)
        assert run.results() == [(number, True, "yes"), (number + 1, True, "yes")]
    assert psutil.Process(process_of(server)).parent() == psutil.Process()


def test_what_a_module_prints_that_it_imports_is_no_answer(client: LithopsClient) -> None:
    server = ForkServer(["this"], os.environ)
    client.compute.start_runners_by(server)
    try:
        assert finished(client, *bind_items(abs, [-1])).results() == [1]
    finally:
        server.stop()


def test_a_job_outlives_it_and_is_found_and_stopped(client: LithopsClient, server: ForkServer, tmp_path: Path) -> None:
    run = started(client, *bind_items(wait_for_file, [str(tmp_path / "never")]), batch_size=1)
    assert runner_pids(run.job)  # at once: whoever finds none takes the job for dead
    server.stop()
    runners = [psutil.Process(pid) for pid in runner_pids(run.job)]
    assert runners
    cancel_job(client, run.job)
    _, alive = psutil.wait_procs(runners, timeout=60)
    assert alive == []


def test_it_is_started_again_when_it_has_died(client: LithopsClient, server: ForkServer) -> None:
    assert finished(client, *bind_items(abs, [-1])).results() == [1]
    first = process_of(server)
    os.kill(first, signal.SIGKILL)
    assert finished(client, *bind_items(abs, [-2])).results() == [2]
    assert process_of(server) != first


def test_it_says_where_to_look_when_it_cannot_start(tmp_path: Path) -> None:
    server = ForkServer([], os.environ)
    with pytest.raises(SubmitError, match=r"has not started: ''; see .*log$"):
        server.start_runner("raise ValueError('broken')", "job.json", str(tmp_path / "log"))
    assert "ValueError: broken" in (tmp_path / "log").read_text()


#: Source after which the process can't fork.
NO_FORKS = """
import os
def fail():
    raise OSError("no more processes")
os.fork = fail
"""
#: Source after which the process says that it is ready, and reads no more.
NO_READING = """
import gc, os
gc.freeze = lambda: os.close(0)
"""


@pytest.mark.parametrize("prepare", [NO_FORKS, NO_READING])
def test_it_says_where_to_look_when_it_dies_each_time(tmp_path: Path, prepare: str) -> None:
    server = ForkServer([], os.environ)
    with pytest.raises(SubmitError, match=r"that starts runners on this machine answered ''; see .*log$"):
        server.start_runner(f"main = print{prepare}", "job.json", str(tmp_path / "log"))

    assert server._process is None
    assert (tmp_path / "log").read_text().count("Traceback") == 2  # it was started again


def test_a_runner_that_it_dies_of_is_started_by_the_next(tmp_path: Path) -> None:
    mark, ran = tmp_path / "mark", tmp_path / "ran"
    prepare = f"""
from pathlib import Path
def main():
    Path({str(ran)!r}).touch()
if not Path({str(mark)!r}).exists():
    Path({str(mark)!r}).touch()
{indent(NO_FORKS, "    ")}
"""
    server = ForkServer([], os.environ)
    try:
        runner = psutil.Process(server.start_runner(prepare, "job.json", str(tmp_path / "log")))
        assert runner.ppid() == process_of(server)
        wait_for(ran.exists)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("prepare", "seconds"),  # the second one is to have begun
    [("import time\ntime.sleep(600)", 0.1), ("import os\nwhile True:\n    os.write(1, b'x' * 100)", 2.0)],
    ids=["hangs", "goes on and on"],
)
def test_one_that_never_answers_is_given_up_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: str, seconds: float
) -> None:
    monkeypatch.setattr(module, "_TO_START", seconds)
    monkeypatch.setattr(module, "_TO_END", 0.1)
    before = psutil.Process().children()
    with pytest.raises(SubmitError, match="has not started: '"):
        ForkServer([], os.environ).start_runner(prepare, "job.json", str(tmp_path / "log"))

    assert [child for child in psutil.Process().children() if child not in before] == []


def test_other_backends_do_without_it(faas: FaasMaker) -> None:
    client, server = faas(), ForkServer([], os.environ)
    client.compute.start_runners_by(server)

    assert finished(client, *bind_items(abs, [-1])).results() == [1]
    assert server._process is None
