"""Which results go into which file; tests/operators/test_files.py has them written."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.outputs import files
from lithops_provider.jobs.outputs.files import file_items
from lithops_provider.jobs.outputs.target import Target
from tests.jobs.by_key_here import store_job
from tests.jobs.elsewhere import sent, store

TARGET = Target("bucket", "results/", "bucket/results/")


def cut(client: LithopsClient, job: Any, results_format: str = "jsonl") -> list[tuple[int, int]]:
    """Returns the first and the last item of each file."""
    items = file_items(client, job, TARGET, results_format, pairs=False)
    references = [special["results"][0][1][0] for _, _, special in items]
    return [(reference["first"], reference["last"]) for reference in references]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, [(0, 0), (1, 1), (2, 2), (3, 3)]), (2_500, [(0, 1), (2, 3)]), (1 << 20, [(0, 3)])],
)
def test_files_are_cut_by_the_size_of_the_results(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, size: int, expected: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", size)

    assert cut(client, store_job(client, [bytes(1_000)] * 4)) == expected


def test_each_file_is_named_by_its_place_and_format(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)

    items = file_items(client, store_job(client, [1, 2]), TARGET, "bytes", pairs=True)

    assert [(args, kwargs["spec"]["key"], kwargs["spec"]["pairs"]) for args, kwargs, _ in items] == [
        ((), "results/part-00000.bin", True),
        ((), "results/part-00001.bin", True),
    ]


def test_a_file_needs_only_the_calls_that_have_its_items(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILE_SIZE", 1)
    job = sent(client, items=4, calls=2)
    store(client, job, 0, {0: 0, 1: "failed"})
    store(client, job, 1, {2: 2, 3: 3})

    items = file_items(client, job, TARGET, "jsonl", pairs=False)

    calls = [special["results"][0][1][0]["calls"] for _, _, special in items]
    assert calls == [[[0]], [[0, 1]], [[1]]]  # the item that failed takes no room: the next one is in its file
