"""What is stored beside a job about whose it is."""

from __future__ import annotations

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.owner import OwnerRecord, is_owner, read_owner, set_owner
from tests.jobs.elsewhere import elsewhere


def test_the_last_one_is_the_owner(client: LithopsClient) -> None:
    job = elsewhere(client, items=4)
    assert read_owner(client, job) is None
    assert is_owner(client, job, "anybody")
    set_owner(client, job, "first")
    set_owner(client, job, "second")

    assert read_owner(client, job) == OwnerRecord("second", 4)
    assert is_owner(client, job, "second")
    assert not is_owner(client, job, "first")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"5", b'{"owner": 5, "items": 1}', b'{"owner": "a"}', b"\xff", b"[" * 200_000],
    ids=range(8),
)
def test_a_torn_object_is_none(client: LithopsClient, data: bytes) -> None:
    job = elsewhere(client)
    client.put(job.owner_key, data)

    assert read_owner(client, job) is None
