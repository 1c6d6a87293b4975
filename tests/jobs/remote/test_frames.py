from __future__ import annotations

import pytest

from lithops_provider.jobs.remote import frames


@pytest.mark.parametrize(
    "blobs",
    [[], [b""], [b"", b"", b""], [b"a"], [b"one", b"", b"three"], [bytes(range(256)) * 5000, b"x"]],
    ids=["none", "one empty", "all empty", "one", "empty between", "large"],
)
def test_what_was_packed_is_unpacked(blobs: list[bytes]) -> None:
    packed = frames.pack(blobs)

    assert [bytes(blob) for blob in frames.unpack(packed)] == blobs
    assert len(packed) == sum(frames.packed_size(blob) for blob in blobs)


def test_it_packs_what_an_iterator_gives() -> None:
    assert frames.pack(iter([b"a", b"b"])) == frames.pack([b"a", b"b"])


def test_joined_packs_are_a_pack() -> None:
    joined = frames.pack([b"a", b"bc"]) + frames.pack([b"d"])

    assert [bytes(blob) for blob in frames.unpack(joined)] == [b"a", b"bc", b"d"]


def test_frames_can_be_cut_out_by_their_sizes() -> None:
    blobs = [b"first", b"", b"third"]
    packed = frames.pack(blobs)
    start = frames.packed_size(blobs[0]) + frames.packed_size(blobs[1])

    assert [bytes(blob) for blob in frames.unpack(packed[start:])] == [b"third"]


def test_unpacking_does_not_copy() -> None:
    data = bytearray(frames.pack([b"abc"]))
    (view,) = frames.unpack(memoryview(data))
    data[-1:] = b"C"

    assert bytes(view) == b"abC"


@pytest.mark.parametrize("missing", range(1, 19))
def test_truncated_data_is_an_error_wherever_it_ends(missing: int) -> None:
    packed = frames.pack([b"first", b"second"])
    cut = packed[: len(packed) - missing]
    ends_between_frames = len(cut) in (0, frames.packed_size(b"first"))
    assert not ends_between_frames or missing == frames.packed_size(b"second")

    if not ends_between_frames:
        with pytest.raises(ValueError, match="ends inside a frame"):
            list(frames.unpack(cut))
