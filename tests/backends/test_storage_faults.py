"""A real S3 server that hangs, refuses, answers 500 or answers slowly: jobs go on, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lithops_provider import triggers
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import StorageUnavailableError
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from lithops_provider.triggers import LithopsJobTrigger
from tests.backends.backends import Servers
from tests.backends.faulty_proxy import Fault, FaultyProxy
from tests.backends.seaweedfs import SeaweedFS
from tests.jobs.conftest import POLL, wait_for
from tests.jobs.failures import Tally
from tools.waiting import HANGS

#: Ways in which no answer comes.
GONE: tuple[Fault, ...] = ("hang", "refuse", "500")


@pytest.fixture(scope="module")
def proxy(servers: Servers) -> Iterator[FaultyProxy]:
    with FaultyProxy(servers.get(SeaweedFS).port_of["s3"][0]) as proxy:
        yield proxy


@pytest.fixture
def config(proxy: FaultyProxy, servers: Servers) -> Iterator[dict[str, Any]]:
    section = {**servers.get(SeaweedFS).config(), "endpoint": f"http://127.0.0.1:{proxy.port}"}
    lithops = {"backend": "localhost", "storage": "minio", "monitoring_interval": POLL}
    yield resolve_config({"lithops": lithops, "minio": section})
    proxy.fail(None)


def started(config: dict[str, Any], tally: Tally, **limits: float) -> JobRun:
    """Sends items that take a moment each, and waits until the first is done."""
    path = Path(tally.path)

    def work(number: int) -> int:
        import time

        with path.open("a") as file:
            file.write(f"{number}\n")
        time.sleep(0.05)
        return number * 2

    client = LithopsClient(copy.deepcopy(config))
    run = JobRun(client, make_spec("map", *bind_items(work, range(40)), Options(max_concurrency=2)), poll_interval=POLL)
    run.submit()
    wait_for(lambda: path.exists() and bool(path.read_text()))
    for name, value in limits.items():  # not before: opening a client takes long on a busy machine
        setattr(client, name, value)
    return run


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    return Tally(tmp_path / "tally")


@pytest.mark.parametrize("fault", ["hang", pytest.param("refuse", marks=pytest.mark.thorough), "500"])
def test_a_storage_that_stops_answering_ends_the_waiting_and_the_next_process_goes_on(
    fault: Fault, config: dict[str, Any], proxy: FaultyProxy, tally: Tally
) -> None:
    run = started(config, tally, patience=1.0, request_seconds=1.0)
    proxy.fail(fault)
    with pytest.raises(StorageUnavailableError, match=r"the storage 'minio' failed for 1 s, listing lithops\.jobs/"):
        run.finish()
    proxy.fail(None)
    another = JobRun(LithopsClient(copy.deepcopy(config)), run.spec, poll_interval=POLL)
    another.attach(run.job)
    another.finish()

    assert another.results() == [number * 2 for number in range(40)]
    assert sorted(tally.read(), key=int) == [str(number) for number in range(40)]


@pytest.mark.parametrize("fault", [pytest.param("hang", marks=pytest.mark.thorough), "500"])
def test_a_storage_that_fails_in_passing_is_asked_again_and_the_log_says_so_once(
    fault: Fault, config: dict[str, Any], proxy: FaultyProxy, tally: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    run = started(config, tally, patience=HANGS, request_seconds=1.0)
    caplog.set_level(logging.WARNING, "lithops_provider")
    proxy.fail(fault)

    before = proxy.failures

    def heal() -> None:
        wait_for(lambda: proxy.failures >= before + 3 and "trying again" in caplog.text)
        run.client.request_seconds = HANGS  # from here on an answer that is late is no failure
        proxy.fail(None)

    with ThreadPoolExecutor(1) as pool:
        healed = pool.submit(heal)
        run.finish()
        healed.result()

    assert run.results() == [number * 2 for number in range(40)]
    assert len([line for line in caplog.messages if "trying again" in line]) == 1


def test_a_slow_storage_is_only_slow(config: dict[str, Any], proxy: FaultyProxy, tally: Tally) -> None:
    proxy.fail("slow")
    run = started(config, tally)
    run.finish()

    assert run.results() == [number * 2 for number in range(40)]


@pytest.mark.parametrize(
    ("opened", "fault"),
    [
        pytest.param(True, "hang", id="while waiting-hang"),
        pytest.param(True, "500", id="while waiting-500", marks=pytest.mark.thorough),
        pytest.param(False, "hang", id="when it starts-hang", marks=pytest.mark.thorough),
        pytest.param(False, "500", id="when it starts-500"),
    ],
)
def test_a_trigger_goes_on_when_the_storage_is_back(
    opened: bool,
    fault: Fault,
    config: dict[str, Any],
    proxy: FaultyProxy,
    tally: Tally,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = started(config, tally)
    client = LithopsClient(copy.deepcopy(config), patience=0.0, request_seconds=1.0)
    if opened:
        assert client.bucket
    proxy.fail(fault)

    async def open_client(self: LithopsJobTrigger) -> LithopsClient:
        await asyncio.to_thread(lambda: client.bucket)
        return client

    monkeypatch.setattr(LithopsJobTrigger, "_open_client", open_client)
    monkeypatch.setattr(triggers, "_clients", {})
    trigger = LithopsJobTrigger(lithops_conn_id="lithops_default", job=run.job.to_dict(), poll_interval=0.2)

    async def scenario() -> dict[str, Any]:
        waiting = asyncio.ensure_future(anext(trigger.run()))
        before = proxy.failures
        while proxy.failures < before + 3 and not waiting.done():
            await asyncio.sleep(0.01)
        client.request_seconds = HANGS
        proxy.fail(None)
        payload: dict[str, Any] = (await waiting).payload
        return payload

    event = asyncio.run(scenario())

    assert (event["status"], event["lost"]) == ("over", None)
