"""One set of tests for every backend of which there is a server: what each job does, on each."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.adapter.compute import STOPPING_BACKENDS
from lithops_provider.jobs.binding.function import bind_call, bind_items
from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.secrets import secret_values
from lithops_provider.jobs.errors import JobCancelledError, LithopsJobError
from lithops_provider.jobs.follow.processes import is_local, runner_pids
from lithops_provider.jobs.inputs.reduce import bind_reduce, reduce_items
from lithops_provider.jobs.job import JobKind
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from lithops_provider.triggers import LithopsJobTrigger
from tests.backends.backends import Servers
from tests.backends.conftest import CONN_ID, Connected, add_connection, connect, with_wrong_keys
from tests.backends.functions import add, begin_and_sleep, inverse, total
from tests.backends.rabbitmq import RabbitMQ
from tests.jobs.conftest import wait_for
from tools.waiting import HANGS


def begun(client: LithopsClient, kind: JobKind, bound: Any, **options: Any) -> JobRun:
    run = JobRun(client, make_spec(kind, *bound, Options(**options)))
    run.submit()
    return run


def done(client: LithopsClient, kind: JobKind, bound: Any, **options: Any) -> JobRun:
    run = begun(client, kind, bound, **options)
    run.finish()
    return run


def keys_of(run: JobRun) -> list[str]:
    return [key for key in run.client.keys(run.job.bucket, "lithops.jobs/") if run.job.executor_id in key]


def ended(run: JobRun) -> bool:
    """Tells whether no call of a job runs any more: each has said so, or its process is gone."""
    if is_local(run.job):
        return not runner_pids(run.job)
    if run.job.backend in STOPPING_BACKENDS:  # their stand-ins give each call a folder with the job's name
        name = run.job.executor_id.lower()
        return not any(name in str(process.info["cwd"]) for process in psutil.process_iter(["cwd"]))
    keys = run.client.keys(run.job.bucket, f"{run.job.round_prefix()}/")
    return sum(key.endswith("/status.json") for key in keys) == run.job.rounds[-1].calls


def test_what_jobs_ask_of_a_storage(client: LithopsClient) -> None:
    prefix = f"asked/{uuid.uuid4().hex}"
    keys = [f"{prefix}/{number}" for number in range(120)]  # more than some clients delete at a time
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put(key, key.encode()), keys))
    client.put(f"{prefix}/3", b"")

    assert client.get(client.bucket, keys[5]) == keys[5].encode()
    assert client.get(client.bucket, keys[3]) == b""
    assert client.get_range(client.bucket, keys[5], 2, 4) == keys[5].encode()[2:5]
    assert client.get_range(client.bucket, keys[5], 2, 1000) == keys[5].encode()[2:]
    assert client.get(client.bucket, f"{prefix}/no") is None
    assert client.get_range(client.bucket, f"{prefix}/no", 0, 9) is None
    assert sorted(client.keys(client.bucket, f"{prefix}/")) == sorted(keys)
    assert client.keys(client.bucket, f"{prefix}/no/") == []
    client.delete(client.bucket, keys[1:])
    assert client.keys(client.bucket, f"{prefix}/") == keys[:1]
    client.delete(client.bucket, [*keys[1:3], keys[0]])  # as two that clean at once
    assert client.keys(client.bucket, f"{prefix}/") == []


@pytest.mark.thorough  # the next shows what a map and a reduce need, which is all that a call does
def test_a_call_returns_its_result(client: LithopsClient) -> None:
    run = done(client, "call", bind_call(add, {"x": 1, "y": 41}))

    assert (run.results(), run.failures()) == ([42], [])


def test_a_map_keeps_its_order_and_a_reduce_gets_it_all(client: LithopsClient) -> None:
    mapped = done(client, "map", bind_items(add, range(10), {"y": 100}), batch_size=4)
    reduced = done(client, "reduce", (bind_reduce(total), reduce_items(client, mapped.job, None)))

    assert mapped.results() == [None if x == 3 else x + 100 for x in range(10)]
    assert reduced.results() == [sum(range(10)) - 3 + 900]


async def event_of(trigger: LithopsJobTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger ended without an event")


def test_a_trigger_waits_for_a_job_that_another_process_then_gathers(connected: Connected) -> None:
    sent = begun(connected.client(), "map", bind_items(add, [1, 2]))
    trigger = LithopsJobTrigger(lithops_conn_id=CONN_ID, job=sent.job.to_dict(), poll_interval=0.1)
    event = asyncio.run(asyncio.wait_for(event_of(trigger), HANGS))
    run = JobRun(connected.client(), sent.spec)
    run.attach(sent.job)
    run.finish()

    assert {**event, "state": None} == {"status": "over", "lost": None, "dead": False, "state": None}
    assert not any(secret in str(trigger.serialize()) for secret in secret_values(connected.extra))
    assert run.results() == [2, 3]


def test_a_failure_is_its_items_alone(client: LithopsClient) -> None:
    run = done(client, "map", bind_items(inverse, [1, 0, 2]), batch_size=3)

    assert run.results() == [1, None, 0.5]
    (failure,) = run.failures()
    assert (failure.index, failure.type) == (1, "ZeroDivisionError")
    assert "inverse" in failure.traceback
    assert "about to divide by 0" in run.outcomes[1].output


def test_a_cancelled_job_ends_where_it_runs_and_is_not_sent_again(connected: Connected) -> None:
    client, mark = connected.client(), f"marks/{uuid.uuid4().hex}"
    bound = bind_items(begin_and_sleep, [1, 2, 3, 4], {"mark": mark})
    run = JobRun(client, make_spec("map", *bound, Options(batch_size=2)))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(run.submit)  # which lasts as long as the calls on some backends
        wait_for(lambda: len(client.keys(client.bucket, f"{mark}/")) == 2)
        cancel_job(connected.client(), run.job)  # as another process would
        sending.result()
    with pytest.raises(JobCancelledError):
        run.finish()

    wait_for(lambda: ended(run))
    assert len(client.keys(client.bucket, f"{mark}/")) == 2
    assert len(run.job.rounds) == 1


def test_cleaning_leaves_nothing_of_a_job_and_all_of_another(client: LithopsClient) -> None:
    run, other = (done(client, "map", bind_items(add, [1, 2, 3])) for _ in range(2))
    assert keys_of(run)
    run.clean()

    assert keys_of(run) == []
    assert keys_of(other)


def test_wrong_keys_are_a_clear_error_at_once(
    connected: Connected, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    extra = with_wrong_keys(connected)
    add_connection(monkeypatch, "lithops_wrong", extra)
    works, message = LithopsHook("lithops_wrong").test_connection()
    with pytest.raises(LithopsJobError) as caught:
        done(connected.client("lithops_wrong"), "map", bind_items(add, [1]))

    assert "trying again" not in caplog.text, "a refusal is no passing failure"
    assert not works
    assert connected.backend.refusal in message
    assert connected.backend.refusal in str(caught.value)
    assert "credentials" in str(caught.value)
    shown = f"{message} {caught.value!r} {caplog.text}"
    assert not [secret for secret in secret_values(extra) if secret in shown]


def test_a_later_round_is_sent_after_the_broker_has_closed_the_connection(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the reduce of a long map: nothing is sent meanwhile, not even a heartbeat."""
    connected = connect("singularity", servers, monkeypatch)
    url = f"{servers.get(RabbitMQ).url}?heartbeat=3"  # the default is a minute
    add_connection(monkeypatch, CONN_ID, {**connected.extra, "rabbitmq": {"amqp_url": url}})
    client = connected.client()
    first = done(client, "map", bind_items(add, [1])).results()
    wait_for(lambda: "missed heartbeats" in servers.get(RabbitMQ).log())
    second = done(client, "map", bind_items(add, [2])).results()
    connected.close()

    assert (first, second) == ([2], [3])
