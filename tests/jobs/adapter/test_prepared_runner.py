"""A runner that has started before its job is known."""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path

import psutil
import pytest

from lithops_provider.jobs.adapter import prepared_runner
from lithops_provider.jobs.adapter.compute import runner_prepared
from lithops_provider.jobs.adapter.prepared_runner import PreparedRunner
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.processes import runner_pids
from tests.jobs.conftest import finished, started


@pytest.fixture(autouse=True)
def as_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING_NEW", "so that the runner isn't one that was forked for the tests")


def ready() -> PreparedRunner:
    assert prepared_runner._prepared is not None
    return prepared_runner._prepared


def look(item: int) -> tuple[int, int, str, str | None]:
    return item, os.getsid(0), sys.stdin.read(), os.environ.get("SET_LATER")


def test_it_runs_the_first_job_and_is_found_as_its_runner_at_once(client: LithopsClient) -> None:
    with runner_prepared(client.config):
        process = ready()._process
        run = started(client, *bind_items(look, [7]))
        assert process.pid in runner_pids(run.job)
        run.finish()
        second = finished(client, *bind_items(look, [8])).results()

    assert run.results() == [(7, process.pid, "", None)]
    assert second[0][0] == 8
    assert second[0][1] != process.pid
    assert process.wait(60) == 0


def test_it_ends_if_no_job_is_sent(client: LithopsClient) -> None:
    with runner_prepared(client.config):
        process = psutil.Process(ready()._process.pid)

    assert not process.is_running()


def test_it_ends_with_the_process_that_has_started_it(client: LithopsClient) -> None:
    with runner_prepared(client.config):
        runner = ready()
        prepared_runner._prepared = None
    assert runner._process.stdin is not None
    runner._process.stdin.close()  # which is what the end of this process comes to

    assert runner._process.wait(60) == 0
    assert os.read(runner._sign, 1) == b""
    os.close(runner._sign)


@pytest.mark.parametrize("what", ["it has died", "the environment has changed"])
def test_a_job_that_it_cannot_run_gets_a_runner_of_its_own(
    what: str, client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with runner_prepared(client.config):
        process = ready()._process
        if what == "it has died":
            process.kill()
            process.wait()
        else:
            monkeypatch.setenv("SET_LATER", "yes")
        ((item, session, _, later),) = finished(client, *bind_items(look, [7])).results()

    assert (item, later) == (7, None if what == "it has died" else "yes")
    assert session != process.pid
    assert process.poll() is not None


@pytest.mark.parametrize("change", [{"lithops": {"backend": "aws_lambda"}}, {"localhost": {"runtime": "/bin/python3"}}])
def test_other_backends_and_runtimes_have_none(client: LithopsClient, change: dict[str, dict[str, str]]) -> None:
    config = copy.deepcopy(client.config)
    for section, settings in change.items():
        config[section].update(settings)
    with runner_prepared(config):
        assert prepared_runner._prepared is None


def test_one_that_cannot_be_started_leaves_nothing_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        PreparedRunner("", str(tmp_path / "nowhere" / "log"))

    assert os.listdir("/proc/self/fd") == before
