"""Heads of parts that a function has made up, which processes read that must not be harmed by them."""

from __future__ import annotations

import json
import math
import struct
from array import array
from typing import Any

import pytest

from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.parts import DamagedPartError, PartBuilder, decode_header

GOOD: dict[str, Any] = {
    "rows": 3, "sizes": "I", "index": [[0, 2], [7, 1]], "peak_memory": [[5, 3]], "crc": 0, "failures": {}, "output": {},
    "written": [],
}  # fmt: skip
COLUMNS = array("d", [1.0] * 3).tobytes() + array("f", [1.0] * 3).tobytes() + array("I", [5] * 3).tobytes()


def head(text: Any, columns: bytes = COLUMNS) -> bytes:
    encoded = json.dumps(text).encode()
    return frames.pack([struct.pack("<BQ", 2, len(encoded)) + encoded + columns])


def test_what_the_others_differ_from_is_read() -> None:
    assert list(decode_header(head(GOOD)).index) == [0, 1, 7]


@pytest.mark.parametrize(
    "changed",
    [
        {"index": [[0, 3], [1, 0]]},
        {"index": [[0, 2], [1, 1]]},
        {"index": [[0, 4], [9, -1]]},
        {"index": [["0", 3]]},
        {"index": [[0.5, 3]]},
        {"index": [[0, 2]]},
        {"index": [[0, 1 << 62]]},
        {"index": [[1 << 70, 2], [0, 1]]},
        {"index": None},
        {"rows": 2},
        {"rows": 4},
        {"rows": -1},
        {"rows": "3"},
        {"rows": 1 << 60},
        {"sizes": "Q"},
        {"sizes": "P"},
        {"sizes": "u"},
        {"peak_memory": [[1 << 70, 3]]},
        {"peak_memory": [[5, 1 << 60]]},
        {"peak_memory": [[5, 1 << 60], [5, 3 - (1 << 60)]]},
        {"peak_memory": [["5", 3]]},
        {"peak_memory": [[float("nan"), 3]]},
        {"failures": {"x": {}}},
        {"failures": {"1": {}}},
        {"failures": [1]},
        {"output": None},
        {"written": [1]},
    ],
    ids=str,
)
def test_what_a_function_has_made_up_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(DamagedPartError, match="damaged"):
        decode_header(head({**GOOD, **changed}))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 24])
def test_times_that_are_no_numbers_are_refused(number: float, place: int) -> None:
    columns = bytearray(COLUMNS)
    struct.pack_into("d" if place == 0 else "f", columns, place, number)

    with pytest.raises(DamagedPartError, match="no numbers"):
        decode_header(head(GOOD, bytes(columns)))


@pytest.mark.parametrize("text", [[], 3, None, "x"])
def test_what_is_no_object_is_refused(text: Any) -> None:
    with pytest.raises(DamagedPartError):
        decode_header(head(text))


PREVIOUS: dict[str, Any] = {
    "index": [0, 1, 2], "started": [1.0] * 3, "seconds": [1.0] * 3, "peak_memory": [1] * 3, "size": [5] * 3,
    "failures": {}, "output": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"index": ["0", 1, 2]},
        {"index": [0, 1]},
        {"index": [0, 1, 1]},
        {"seconds": [float("nan"), 0, 0]},
        {"started": None},
        {"peak_memory": [1 << 70, 0, 0]},
        {"size": [-5, 5, 5]},
        {"failures": {"x": {}}},
        {"failures": [1]},
        {"output": None},
    ],
    ids=str,
)
def test_what_a_function_has_made_up_in_the_previous_format_is_refused(changed: dict[str, Any]) -> None:
    assert list(decode_header(frames.pack([json.dumps(PREVIOUS).encode()])).index) == [0, 1, 2]

    with pytest.raises(DamagedPartError):
        decode_header(frames.pack([json.dumps({**PREVIOUS, **changed}).encode()]))


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"[]", b"3", b"", b"\x02", b"\x02" + bytes(8), b"{", b'{"a":' + b"[" * 200_000], ids=range(8)
)
def test_what_is_no_head_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedPartError):
        decode_header(frames.pack([data]))


def test_random_changes_are_damage_or_numbers() -> None:
    """Whatever single byte changes: it is an error of this kind, or another number, and nothing else."""
    builder = PartBuilder()
    builder.add_success(4, 100.5, 0.25, 1 << 20, b"result")
    builder.add_failure(5, 101.0, 0.5, 2 << 20, {"type": "ValueError", "message": "no", "traceback": "trace"})
    data = builder.encode()
    for place in range(len(data) - len(b"result")):
        for value in (0, 255, data[place] ^ 1, data[place] ^ 128):
            changed = bytearray(data)
            changed[place] = value
            try:
                header = decode_header(changed)
            except DamagedPartError:
                continue
            assert len(header.index) == len(header.started) == len(header.size) == 2
