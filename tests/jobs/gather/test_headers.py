from __future__ import annotations

import json
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather import headers
from lithops_provider.jobs.gather.headers import decode_header, read_header
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.parts import PartBuilder

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


@pytest.mark.parametrize(
    "changed",
    [
        {"index": [10, 0, 1]},
        {"index": [-1, 0, 1]},
        {"index": ["0", 1, 2]},
        {"index": [0, 1]},
        {"index": [0, 1, 1]},
        {"seconds": [float("nan"), 0, 0]},
        {"started": None},
        {"peak_memory": [1 << 70, 0, 0]},
        {"failures": {"x": {}}},
        {"failures": [1]},
        {"output": None},
    ],
    ids=str,
)
def test_what_a_function_has_made_up_is_refused(changed: dict[str, Any]) -> None:
    good = {
        **{"index": [0, 1, 2], "started": [1.0] * 3, "seconds": [1.0] * 3, "peak_memory": [1] * 3, "size": [5] * 3},
        **{"failures": {}, "output": {}},
    }
    assert list(decode_header(json.dumps(good).encode(), 10).index) == [0, 1, 2]

    with pytest.raises(ValueError):  # noqa: PT011 - json's own messages are among them
        decode_header(json.dumps({**good, **changed}).encode(), 10)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[]", b"3", b"not json"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode_header(data, 10)
