"""The trigger: what it waits for, what it holds, and what it stops."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from lithops_provider import triggers
from lithops_provider.jobs import LithopsJob, Round
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.triggers import LithopsJobTrigger, without_credentials
from tests.jobs.made import make_job
from tools.waiting import HANGS


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> LithopsClient:
    """The client that all triggers of a test share; there is no Airflow here to look up a connection in."""
    opened = LithopsClient(resolve_config(), patience=0.0)

    async def open_client(self: LithopsJobTrigger) -> LithopsClient:
        return opened

    monkeypatch.setattr(LithopsJobTrigger, "_open_client", open_client)
    monkeypatch.setattr(triggers, "_clients", {})
    return opened


@pytest.fixture
def job(client: LithopsClient) -> LithopsJob:
    """A job of two calls on a backend whose processes can't be looked at."""
    return make_job(2, items=4, backend="k8s", bucket=client.bucket, timeout=60, created=time.time())


def trigger_for(job: LithopsJob, **arguments: Any) -> LithopsJobTrigger:
    return LithopsJobTrigger(lithops_conn_id="lithops_default", job=job.to_dict(), poll_interval=0.05, **arguments)


class Looks:
    """Counts how often the trigger has looked at the job."""

    def __init__(self, client: LithopsClient, patch: pytest.MonkeyPatch) -> None:
        self.number = 0
        self._keys = client.keys
        patch.setattr(client, "keys", self._look)

    def _look(self, bucket: str, prefix: str) -> list[str]:
        self.number += 1
        return self._keys(bucket, prefix)

    async def more(self, number: int) -> None:
        """Wait for so many more."""
        wanted = self.number + number
        while self.number < wanted:
            await asyncio.sleep(0.01)


async def event_of(trigger: LithopsJobTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("the trigger ended without an event")


def end_call(client: LithopsClient, job: LithopsJob, call_id: str) -> None:
    client.put(f"{job.round_prefix()}/{call_id}/status.json", b"{}")


def test_it_fires_when_all_calls_have_ended(
    client: LithopsClient, job: LithopsJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(client, monkeypatch)

    async def scenario() -> dict[str, Any]:
        waiting = asyncio.ensure_future(event_of(trigger_for(job, state={"phase": "map"})))
        end_call(client, job, "00000")
        await looks.more(4)
        assert not waiting.done()
        end_call(client, job, "00001")
        return await asyncio.wait_for(waiting, HANGS)

    event = asyncio.run(scenario())
    assert event == {"status": "over", "lost": None, "dead": False, "state": {"phase": "map"}}


def test_it_stops_waiting_at_the_deadline(client: LithopsClient, job: LithopsJob) -> None:
    event = asyncio.run(event_of(trigger_for(job, deadline=time.time() + 0.2)))
    assert event["status"] == "timeout"


def test_there_is_no_event_before_the_first_look(client: LithopsClient, job: LithopsJob) -> None:
    """Also none of a timeout or an error: Airflow's scheduler must see the task leave before it comes back."""
    end_call(client, job, "00000")
    end_call(client, job, "00001")
    broken = replace(job, bucket="elsewhere")

    async def scenario() -> list[str]:
        waiting = [
            asyncio.ensure_future(event_of(trigger))
            for trigger in (
                trigger_for(job, first_look=0.8),
                trigger_for(broken, first_look=0.8),
                trigger_for(replace(job, rounds=(Round("M000", 4, 3, 1.0),)), first_look=0.8, deadline=1.0),
            )
        ]
        await asyncio.sleep(0.5)
        assert not any(event.done() for event in waiting)
        return [(await event)["status"] for event in waiting]

    assert asyncio.run(scenario()) == ["over", "error", "timeout"]


def test_it_goes_on_while_the_storage_fails(client: LithopsClient, job: LithopsJob, monkeypatch: Any) -> None:
    end_call(client, job, "00000")
    end_call(client, job, "00001")
    real, failures = client.keys, iter(range(2))

    def keys(bucket: str, prefix: str) -> list[str]:
        if next(failures, None) is not None:
            raise OSError("the storage is down")
        return real(bucket, prefix)

    monkeypatch.setattr(client, "keys", keys)
    assert asyncio.run(event_of(trigger_for(job)))["status"] == "over"


def test_it_goes_on_if_the_storage_fails_before_the_first_look(
    client: LithopsClient, job: LithopsJob, monkeypatch: Any
) -> None:
    end_call(client, job, "00000")
    end_call(client, job, "00001")
    failures = iter(range(2))

    async def open_client(self: LithopsJobTrigger) -> LithopsClient:
        if next(failures, None) is not None:
            raise StorageUnavailableError("the storage is down")
        return client

    monkeypatch.setattr(LithopsJobTrigger, "_open_client", open_client)
    monkeypatch.setattr(triggers, "_LONGEST_DELAY", 0.0)  # its first wait takes a second

    assert asyncio.run(event_of(trigger_for(job)))["status"] == "over"
    assert next(failures, None) is None


class RefusedError(Exception):
    """What a client of Azure's raises for a wrong key."""

    status_code = 403


def test_it_gives_up_at_once_when_the_storage_refuses_the_credentials(
    client: LithopsClient, job: LithopsJob, monkeypatch: Any
) -> None:
    def list_keys(bucket: str, prefix: str) -> list[str]:
        raise RefusedError("signature does not match")

    opened_in_turn(monkeypatch, client, client)
    monkeypatch.setattr(client.storage, "list_keys", list_keys)
    event = asyncio.run(event_of(trigger_for(job)))
    assert event["status"] == "error"
    assert event["message"].startswith("StorageRefusedError: the storage 'localhost' refused the credentials")


def end_job(client: LithopsClient, job: LithopsJob) -> None:
    for call_id in ("00000", "00001"):
        end_call(client, job, call_id)


def opened_in_turn(monkeypatch: pytest.MonkeyPatch, *clients: LithopsClient) -> list[LithopsClient]:
    """Has triggers open these clients; returns those that are yet to be opened."""
    waiting = list(clients)

    async def open_client(self: LithopsJobTrigger) -> LithopsClient:
        return waiting.pop(0)

    monkeypatch.setattr(LithopsJobTrigger, "_open_client", open_client)
    return waiting


def test_a_connection_that_was_changed_meanwhile_is_read_anew(
    client: LithopsClient, job: LithopsJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A triggerer lives on for weeks, and shares the clients of its connections between its triggers."""

    class Elsewhere(LithopsClient):
        bucket = "another-bucket"

    before = Elsewhere(resolve_config(), patience=0.0)
    waiting = opened_in_turn(monkeypatch, before, LithopsClient(resolve_config(), patience=0.0))
    end_job(client, job)

    assert asyncio.run(event_of(trigger_for(job)))["status"] == "over"
    assert waiting == []


def test_keys_that_were_changed_meanwhile_are_read_anew(
    client: LithopsClient, job: LithopsJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_keys(bucket: str, prefix: str) -> list[str]:
        raise RefusedError("signature does not match")

    before = LithopsClient(resolve_config(), patience=0.0)
    monkeypatch.setattr(before.storage, "list_keys", list_keys)
    waiting = opened_in_turn(monkeypatch, before, LithopsClient(resolve_config(), patience=0.0))
    end_job(client, job)

    assert asyncio.run(event_of(trigger_for(job)))["status"] == "over"
    assert waiting == []


def test_it_gives_up_when_the_storage_fails_for_too_long(
    client: LithopsClient, job: LithopsJob, monkeypatch: Any
) -> None:
    def keys(bucket: str, prefix: str) -> list[str]:
        raise OSError("the storage is down")

    monkeypatch.setattr(client, "keys", keys)
    monkeypatch.setattr(triggers, "_STORAGE_PATIENCE", 0.1)
    event = asyncio.run(event_of(trigger_for(job)))
    assert event["status"] == "error"
    assert "the storage is down" in event["message"]


def test_a_storage_that_hangs_does_not_block_the_event_loop(
    client: LithopsClient, job: LithopsJob, monkeypatch: Any
) -> None:
    hangs, may_go_on = threading.Event(), threading.Event()

    def list_keys(bucket: str, prefix: str) -> list[str]:
        hangs.set()
        may_go_on.wait(HANGS)
        return []

    monkeypatch.setattr(client.storage, "list_keys", list_keys)
    client.request_seconds = 0.2
    monkeypatch.setattr(triggers, "_STORAGE_PATIENCE", 0.1)

    async def scenario() -> dict[str, Any]:
        waiting = asyncio.ensure_future(event_of(trigger_for(job)))
        while not hangs.is_set():
            await asyncio.sleep(0.01)
        event = await waiting  # a loop that is blocked would not come to this
        may_go_on.set()
        return event

    assert asyncio.run(scenario())["status"] == "error"


def test_it_says_when_the_configuration_is_for_another_storage(client: LithopsClient, job: LithopsJob) -> None:
    event = asyncio.run(event_of(trigger_for(replace(job, storage="aws_s3", bucket="elsewhere"))))
    assert event["status"] == "error"
    assert "aws_s3://elsewhere" in event["message"]


def test_a_triggerer_can_make_it_anew_from_plain_json(job: LithopsJob) -> None:
    trigger = trigger_for(job, owner="me/1", deadline=1.5, arguments={"backend": "k8s"})
    path, arguments = trigger.serialize()
    assert path == "lithops_provider.triggers.LithopsJobTrigger"
    again = LithopsJobTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)


def test_on_kill_stops_the_job(client: LithopsClient, job: LithopsJob) -> None:
    set_owner(client, job, "me/1")
    asyncio.run(trigger_for(job, owner="me/1").on_kill())
    assert client.get(job.bucket, job.stop_key()) is not None


def test_on_kill_leaves_a_job_that_the_next_try_waits_for(client: LithopsClient, job: LithopsJob) -> None:
    set_owner(client, job, "me/2")
    asyncio.run(trigger_for(job, owner="me/1").on_kill())
    assert client.get(job.bucket, job.stop_key()) is None


def test_on_kill_of_somebody_who_looks_on_stops_nothing(client: LithopsClient, job: LithopsJob) -> None:
    asyncio.run(trigger_for(job).on_kill())
    assert client.get(job.bucket, job.stop_key()) is None


def test_many_triggers_share_one_client(client: LithopsClient, job: LithopsJob, monkeypatch: Any) -> None:
    opened = 0

    async def open_client(self: LithopsJobTrigger) -> LithopsClient:
        nonlocal opened
        opened += 1
        await asyncio.sleep(0.05)
        return client

    monkeypatch.setattr(LithopsJobTrigger, "_open_client", open_client)
    end_call(client, job, "00000")
    end_call(client, job, "00001")

    async def scenario() -> None:
        await asyncio.gather(*(event_of(trigger_for(job)) for _ in range(20)))

    asyncio.run(scenario())
    assert opened == 1


def test_credentials_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="connection 'mine'"):
        without_credentials({"aws": {"region": "x", "secret_access_key": "top-secret-value"}}, "mine")
    assert without_credentials({"lithops": {"backend": "localhost"}}, "mine") == {"lithops": {"backend": "localhost"}}
    assert without_credentials(None, "mine") is None
