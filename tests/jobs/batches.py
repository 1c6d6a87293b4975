"""Runs batches as a Lithops worker does: in a process forked for the call, against real localhost storage."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from lithops_provider.jobs.binding.function import Binding, bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.batch import run_batch
from lithops_provider.jobs.remote.frames import PICKLED, ItemBlocks, pack_block
from lithops_provider.jobs.remote.outcomes import Outcomes
from lithops_provider.jobs.remote.results import current_parts, read_outcomes
from lithops_provider.jobs.submit.items import dump_items
from lithops_provider.jobs.submit.payload import dump_function
from tools.waiting import HANGS


@dataclass
class Batch:
    """
    A batch that has ended.

    :param summary: what it returned, or None
    :param error: the traceback of what it raised, or an empty str
    :param exitcode: of its process
    :param outcomes: what it has stored, by item
    :param keys: of its parts
    """

    summary: dict[str, Any] | None
    error: str
    exitcode: int | None
    outcomes: Outcomes
    keys: list[str]

    def results(self) -> dict[int, Any]:
        import pickle

        return {
            index: pickle.loads(outcome.result)
            for index, outcome in self.outcomes.items()
            if outcome.result is not None
        }

    def failures(self) -> dict[int, dict[str, Any]]:
        return {index: outcome.failure for index, outcome in self.outcomes.items() if outcome.failure is not None}


class BatchRunner(Protocol):
    def __call__(
        self,
        function: Any = None,
        iterdata: Any = (),
        extra_args: Any = None,
        *,
        storage: Any = None,
        indices: list[int] | None = None,
        raw: bytes | None = None,
        bound: tuple[Binding, Iterable[tuple[Any, ...]]] | None = None,
        blobs: list[bytes] | None = None,
        after: Callable[[], None] = lambda: None,
        while_it_runs: Callable[[int, dict[str, Any]], None] | None = None,
        **settings: Any,
    ) -> Batch: ...


@pytest.fixture
def batch(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> BatchRunner:
    """Runs items in one batch. Settings may be overridden; ``while_it_runs`` gets its process id and its settings."""
    monkeypatch.setenv("LITHOPS_CONFIG", json.dumps(client.config))  # as the Lithops worker does
    prefix = f"lithops.jobs/{uuid.uuid4().hex[:16]}-0-M000"

    def run(
        function: Any = None,
        iterdata: Any = (),
        extra_args: Any = None,
        *,
        storage: Any = None,
        indices: list[int] | None = None,
        raw: bytes | None = None,
        bound: tuple[Binding, Iterable[tuple[Any, ...]]] | None = None,
        blobs: list[bytes] | None = None,
        after: Callable[[], None] = lambda: None,
        while_it_runs: Callable[[int, dict[str, Any]], None] | None = None,
        **settings: Any,
    ) -> Batch:
        binding, items = bound or bind_items(function, iterdata, extra_args)
        sent = dump_items(binding, items) if blobs is None else ItemBlocks([pack_block(PICKLED, blobs)])
        stored = frames.pack(sent.blocks)
        client.put(f"{prefix}/items", stored)
        call = {
            "call_id": "00000",
            "indices": range(len(sent)) if indices is None else indices,
            "span": (0, len(stored) - 1),
        }
        settings = {
            "bucket": client.bucket,
            "job_prefix": prefix,
            "items_key": f"{prefix}/items",
            "stop_key": f"{prefix}/stop",
            "timeout": 1000.0,
            "limit": 5000.0,
            "flush": 3.0,
            "part_size": 8 << 20,
            "output_limit": 16 << 10,
            "once": False,
            "marked": True,
            **settings,
        }
        dumped = dump_function(binding) if raw is None else raw
        answer, process = _start(call, storage or client.storage, dumped, settings, after)
        assert process.pid is not None
        if while_it_runs is not None:
            while_it_runs(process.pid, settings)
        process.join(HANGS)
        if process.exitcode is None:
            process.kill()
            process.join()
            pytest.fail(f"the batch was not done after {HANGS} seconds")
        summary, error = None, ""
        with answer, contextlib.suppress(EOFError):  # it died
            summary, error = answer.recv()
        keys = [key for key in client.keys(client.bucket, f"{prefix}/00000/") if key.endswith(".part")]
        damaged: list[str] = []
        outcomes = read_outcomes(client.storage, client.bucket, current_parts(keys), damaged)
        assert damaged == []
        return Batch(summary, error, process.exitcode, outcomes, keys)

    return run


def _start(
    call: Any, storage: Any, function: bytes, settings: dict[str, Any], after: Callable[[], None]
) -> tuple[Any, Any]:
    reading, writing = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        os.setsid()
        try:
            answer = (run_batch(call, storage, function, settings), "")
            after()
        except BaseException:
            answer = (None, traceback.format_exc())
        writing.send(answer)

    process = multiprocessing.get_context("fork").Process(target=work)
    with warnings.catch_warnings():
        # Python 3.12 warns of forks where there are threads, which numpy has as soon as it is imported.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    writing.close()
    return reading, process
