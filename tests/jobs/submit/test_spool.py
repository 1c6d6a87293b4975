from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.submit import spool as module
from lithops_provider.jobs.submit.spool import BlockSpool

BLOCKS = [bytes([number]) * (100 + number) for number in range(50)]


@pytest.fixture(autouse=True)
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", 1000)


def in_memory(spool: BlockSpool) -> int:
    return sum(len(entry) for entry in spool._entries if isinstance(entry, bytes))


def test_blocks_that_are_many_lie_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = BlockSpool(iter(BLOCKS))

    assert list(spool) == BLOCKS
    assert (len(spool), spool[-1], spool[3:40]) == (50, BLOCKS[-1], BLOCKS[3:40])
    assert in_memory(spool) <= 1000
    assert list(tmp_path.iterdir()) == []


def test_few_blocks_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)

    assert list(BlockSpool(BLOCKS[:5])) == BLOCKS[:5]


def test_the_file_ends_with_the_spool() -> None:
    spool = BlockSpool(BLOCKS)
    descriptor = spool._descriptor
    assert descriptor is not None
    del spool
    gc.collect()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("written", [0, 3, 20])
def test_a_full_disk_leaves_the_blocks_in_memory(
    written: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left: Iterator[int] = iter(range(written))
    write = os.pwrite

    def full(descriptor: int, data: bytes, place: int) -> int:
        if next(left, None) is None:
            return write(descriptor, data[:10], place)  # as a disk that takes only the first bytes
        return write(descriptor, data, place)

    monkeypatch.setattr(os, "pwrite", full)

    assert list(BlockSpool(BLOCKS)) == BLOCKS
    assert caplog.messages == ["Items can't be kept in a temporary file, and stay in memory: the disk is full"]


def test_without_a_writable_folder_the_blocks_stay_in_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**options: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)

    assert list(BlockSpool(BLOCKS)) == BLOCKS
    assert "Read-only file system" in caplog.messages[0]


def test_a_file_that_was_cut_off_is_an_error() -> None:
    spool = BlockSpool(BLOCKS)
    assert spool._descriptor is not None
    os.ftruncate(spool._descriptor, 5)

    with pytest.raises(OSError, match="was cut off at byte"):
        list(spool)
