from __future__ import annotations

import json
import zlib
from array import array

import pytest

from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.outcomes import Part
from lithops_provider.jobs.remote.parts import (
    DamagedPartError,
    PartBuilder,
    PartName,
    decode_header,
    parse_part_name,
    part_key,
)
from lithops_provider.jobs.remote.reports import Block


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
        "\u00b2-\u00b2-\u00b2.part",  # Python takes these for digits, and can't make numbers of them
        f"{'9' * 5_000}-1-0.part",  # nor of so many
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

    decoded = Part.decode(part.encode())
    four, two, nine = (decoded[row] for row in range(3))

    assert (four.item, bytes(four.result or b"?"), four.failure, four.output) == (4, b"four", None, "")
    assert (four.started, four.seconds, four.peak_memory) == (1000.12346, 0.25, 5000)
    assert (two.item, two.result) == (2, None)
    assert two.failure == {"type": "ValueError", "message": "no", "traceback": "trace"}
    assert nine.result is not None
    assert (nine.item, bytes(nine.result), nine.output) == (9, b"", "printed")


def test_an_empty_part_holds_nothing() -> None:
    assert not Part.decode(PartBuilder().encode()).index


def test_many_items_take_few_bytes() -> None:
    part = PartBuilder()
    for index in range(10_000):
        part.add_success(index, 1753170000.1234, 0.123456, 123456789, b"")

    assert len(part.encode()) < 17 * 10_000


def test_a_block_is_the_same_as_its_items_one_by_one() -> None:
    one_by_one, block = PartBuilder(), PartBuilder()
    results = [b"a", b"", b"ccc"]
    for row, result in enumerate(results):
        one_by_one.add_success(7 + row, 1010.5 + row, 0.25, (5, 6, 6)[row], result)
    columns = array("d", [10.5, 11.5, 12.5]), array("d", [0.25] * 3), array("q", [5, 6, 6]), array("q", [1, 0, 3])
    block.add_block(range(7, 10), Block(*columns, b"".join(results)), 1000.0)

    assert block.encode() == one_by_one.encode()
    assert block.size == one_by_one.size


def test_items_in_any_order_and_results_of_any_size() -> None:
    part = PartBuilder()
    sizes = {5: 1, 6: 0, 2: 1 << 20, 9: 3}
    for index, size in sizes.items():
        part.add_success(index, 1.0, 1.0, 1, bytes([index]) * size)

    decoded = Part.decode(part.encode())

    assert [(outcome.item, bytes(outcome.result or b"")) for outcome in map(decoded.__getitem__, range(4))] == [
        (index, bytes([index]) * size) for index, size in sizes.items()
    ]


def test_a_size_of_more_than_32_bits() -> None:
    part = PartBuilder()
    part.add_success(0, 1.0, 1.0, 1, b"x")
    part._add_sizes([1 << 32, 1])  # stands for results that a test can't hold
    part._index[0][1] = part._peak_memory[0][1] = 3
    part._started.extend([1.0, 1.0])
    part._seconds.extend([1.0, 1.0])

    assert list(decode_header(part.encode()).size) == [1, 1 << 32, 1]


def test_what_a_part_says_is_read_without_its_results() -> None:
    part = PartBuilder()
    part.add_success(3, 1.0, 2.0, 4, b"\x80pickle")
    part.add_written([["bucket", "prefix"]])
    data = part.encode()

    header = decode_header(data[: frames.first_end(data)])

    assert header == decode_header(data)
    assert (list(header.index), list(header.spans())) == ([3], [(3, len(data) - 7, len(data))])
    assert header.written == {("bucket", "prefix")}
    assert header.end() == len(data)


PREVIOUS = {
    "index": [3, 1, 2], "started": [1.0, 2.0, 3.0], "seconds": [0.5] * 3, "peak_memory": [7] * 3, "size": [3, 0, 1],
    "crc": zlib.crc32(b"onex"), "failures": {"1": {"type": "E"}}, "output": {"2": "said"}, "written": [["b", "p"]],
}  # fmt: skip


def test_a_part_of_the_previous_release_is_read() -> None:
    data = frames.pack([json.dumps(PREVIOUS).encode(), b"one", b"x"])

    three, one, two = map(Part.decode(data).__getitem__, range(3))
    header = decode_header(data)

    assert (three.item, bytes(three.result or b""), three.started, three.output) == (3, b"one", 1.0, "")
    assert (one.item, one.result, one.failure) == (1, None, {"type": "E"})
    assert (two.item, bytes(two.result or b""), two.output) == (2, b"x", "said")
    assert [(item, data[start:end]) for item, start, end in header.spans()] == [(3, b"one"), (2, b"x")]
    assert (header.end(), header.written) == (len(data), {("b", "p")})


def test_a_part_of_a_later_release_is_refused() -> None:
    data = bytearray(PartBuilder().encode())
    data[frames.packed_size(b"")] += 1

    with pytest.raises(DamagedPartError, match="it is of version 3, which this release of airflow-provider-lithops"):
        Part.decode(bytes(data))


def test_text_of_any_kind_survives() -> None:
    part = PartBuilder()
    text = "ü \udc80 \x00 \N{SNOWMAN} \n"
    part.add_failure(0, 1.0, 1.0, 1, {"type": "E", "message": text, "traceback": text})
    part.add_output(0, text)

    outcome = Part.decode(part.encode())[0]

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

    assert len(part.encode()) / 2 <= part.size <= len(part.encode()) * 3
