from __future__ import annotations

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather import headers
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.parts import DamagedPartError, PartBuilder
from tests.jobs.standins import FailingStorage

KEY = "lithops.jobs/0123456789abcdef-0-M000/00000/00000000-00000003-00000001.part"


def part() -> bytes:
    builder = PartBuilder()
    builder.add_success(4, 100.5, 0.25, 1 << 20, b"never to be unpickled")
    builder.add_failure(5, 101.0, 0.5, 2 << 20, {"type": "ValueError", "message": "no", "traceback": "trace"})
    builder.add_output(5, "said")
    builder.add_success(6, 102.0, 0.75, 3 << 20, b"nor this")
    return builder.encode()


@pytest.mark.parametrize("first_read", [9, 64 << 10])
def test_a_header_is_read_without_the_results(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, first_read: int
) -> None:
    monkeypatch.setattr(headers, "_FIRST_READ", first_read)
    client.put(KEY, part())

    header = read_header(client, client.bucket, KEY, 10)

    assert header is not None
    assert list(header.index) == [4, 5, 6]
    assert list(header.started) == [100.5, 101.0, 102.0]
    assert list(header.seconds) == [0.25, 0.5, 0.75]
    assert list(header.peak_memory) == [1 << 20, 2 << 20, 3 << 20]
    assert header.failures == {5: {"type": "ValueError", "message": "no", "traceback": "trace"}}
    assert header.output == {5: "said"}


def test_a_part_that_is_gone_has_no_header(client: LithopsClient) -> None:
    assert read_header(client, client.bucket, "lithops.jobs/nothing/there.part", 10) is None


@pytest.mark.parametrize("data", [b"", b"\0" * 7, frames.pack([b"{}"])[:-1]])
def test_what_ends_too_early_is_damaged(client: LithopsClient, data: bytes) -> None:
    client.put(KEY, data)

    with pytest.raises(ValueError, match=r"too short|ends within"):
        read_header(client, client.bucket, KEY, 10)


@pytest.mark.parametrize("index", [10, -1, 1 << 40])
def test_what_tells_of_an_item_that_the_job_does_not_have_is_refused(client: LithopsClient, index: int) -> None:
    builder = PartBuilder()
    builder.add_success(3, 100.5, 0.25, 1 << 20, b"")
    builder.add_success(index, 100.5, 0.25, 1 << 20, b"")
    client.put(KEY, builder.encode())

    with pytest.raises(DamagedPartError, match="beyond the job's 10"):
        read_header(client, client.bucket, KEY, 10)


def test_what_ends_within_its_results_is_damaged(client: LithopsClient) -> None:
    client.put(KEY, part()[:-1])

    with pytest.raises(DamagedPartError, match="ends within its results"):
        read_header(client, client.bucket, KEY, 10)


def test_what_begins_with_an_impossible_length_is_not_read_on(client: LithopsClient) -> None:
    """It may be any object, and what it takes for a length could be more than fits into memory."""
    client.put(KEY, b"\x7f" * 100)

    with pytest.raises(DamagedPartError, match="does not begin as a part does"):
        read_header(client, client.bucket, KEY, 10)


def test_a_part_that_goes_while_it_is_read_has_no_header(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "_FIRST_READ", 9)
    client.put(KEY, part())
    real, reads = client.storage, []

    def goes(name: str, key: str) -> bool:
        reads.append(key)
        if len(reads) == 2:
            real.delete_object(client.bucket, KEY)
        return False

    client._internal_storage.storage = FailingStorage(real, goes)

    assert read_header(client, client.bucket, KEY, 10) is None
    assert reads == [KEY, KEY]
