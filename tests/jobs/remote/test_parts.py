from __future__ import annotations

import json

import pytest

from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.outcomes import Part
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, parse_part_name, part_key


@pytest.mark.parametrize("name", [PartName(0, 0, 0), PartName(7, 120, 3), PartName(0, 10**8, 10**9)])
def test_a_key_says_the_counts(name: PartName) -> None:
    key = part_key("lithops.jobs/x-0-M000/00002", name)
    folder, _, file_name = key.rpartition("/")

    assert folder == "lithops.jobs/x-0-M000/00002"
    assert parse_part_name(file_name) == name


def test_keys_sort_as_their_counts() -> None:
    names = [PartName(first, done, 0) for first in (0, 9, 10, 100) for done in (9, 10, 99, 100_000)]

    keys = [part_key("prefix", name) for name in names]

    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "file_name",
    [
        "status.json",
        "6e51b9b12c30.init",
        "1-2.part",
        "1-2-3-4.part",
        "a-b-c.part",
        "1-2-3.parts",
        ".part",
        "-1-2-3.part",
    ],
)
def test_other_keys_are_no_parts(file_name: str) -> None:
    assert parse_part_name(file_name) is None


def test_what_was_added_is_decoded() -> None:
    part = PartBuilder()
    part.add_success(4, 1000.12346, 0.25, 5000, b"four")
    part.add_failure(2, 1001.0, 0.5, 6000, {"type": "ValueError", "message": "no", "traceback": "trace"})
    part.add_success(9, 1002.0, 0.75, 7000, b"")
    part.add_output(9, "printed")

    decoded = Part(part.encode())
    four, two, nine = (decoded[row] for row in range(3))

    assert (four.item, bytes(four.result or b"?"), four.failure, four.output) == (4, b"four", None, "")
    assert (four.started, four.seconds, four.peak_memory) == (1000.1235, 0.25, 5000)
    assert (two.item, two.result) == (2, None)
    assert two.failure == {"type": "ValueError", "message": "no", "traceback": "trace"}
    assert nine.result is not None
    assert (nine.item, bytes(nine.result), nine.output) == (9, b"", "printed")


def test_an_empty_part_holds_nothing() -> None:
    assert not Part(PartBuilder().encode()).index


def test_the_first_frame_is_json_so_that_no_reader_of_it_has_to_unpickle() -> None:
    part = PartBuilder()
    part.add_success(0, 1.0, 1.0, 1, b"\x80pickle")

    header = json.loads(bytes(next(frames.unpack(part.encode()))))

    assert header["index"] == [0]


def test_text_of_any_kind_survives() -> None:
    part = PartBuilder()
    text = "ü \udc80 \x00 \N{SNOWMAN} \n"
    part.add_failure(0, 1.0, 1.0, 1, {"type": "E", "message": text, "traceback": text})
    part.add_output(0, text)

    outcome = Part(part.encode())[0]

    assert outcome.failure is not None
    assert outcome.failure["message"] == outcome.output == text


@pytest.mark.parametrize("growth", ["result", "failure", "output", "items"])
def test_the_size_counts_all_that_makes_a_part_grow(growth: str) -> None:
    """A part is stored anew every few seconds: what isn't counted makes it grow without end."""
    part = PartBuilder()
    if growth == "result":
        part.add_success(0, 1.0, 1.0, 1, b"x" * 10_000)
    elif growth == "failure":
        part.add_failure(0, 1.0, 1.0, 1, {"type": "E", "message": "x" * 5_000, "traceback": "x" * 5_000})
    elif growth == "output":
        part.add_success(0, 1.0, 1.0, 1, b"")
        part.add_output(0, "x" * 10_000)
    else:
        for index in range(300):
            part.add_success(index, 1753170000.1234, 0.123456, 123456789, b"")

    assert len(part.encode()) / 2 <= part.size <= len(part.encode()) * 2
