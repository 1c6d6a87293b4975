from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs import client as client_module
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import ItemsFailedError, StorageUnavailableError
from lithops_provider.jobs.gather import outcomes as module
from lithops_provider.jobs.gather.outcomes import find_missing, gather_outcomes
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.outcomes import Outcomes
from lithops_provider.jobs.remote.parts import PartBuilder, PartName, part_key
from lithops_provider.jobs.wait import check_results, gather_results, wait_for_job
from tests.jobs.conftest import POLL, FaasMaker, MapStarter, finished, started
from tests.jobs.elsewhere import elsewhere
from tests.jobs.standins import FailingStorage, times
from tools.waiting import HANGS


def store(client: LithopsClient, job: LithopsJob, call: int, values: dict[int, Any], first: int = 0) -> str:
    part = PartBuilder()
    for index, value in values.items():
        part.add_success(index, 1.0, 1.0, 1, pickle.dumps(value))
    key = part_key(f"{job.round_prefix()}/{call:05d}", PartName(first, first + len(values), 0))
    client.put(key, part.encode())
    return key


def report(client: LithopsClient, job: LithopsJob, call: int, **status: Any) -> None:
    client.put(f"{job.round_prefix()}/{call:05d}/status.json", json.dumps(status).encode())


# -- outcomes --------------------------------------------------------------------------------------------------


def test_the_outcomes_of_all_calls_of_a_round_are_read(client: LithopsClient) -> None:
    job = elsewhere(client)
    store(client, job, 0, {0: "a", 1: "b"})
    store(client, job, 0, {2: "c"}, first=2)
    store(client, job, 1, {3: None})
    later = job.with_round(1, 1)
    store(client, later, 0, {4: "e"})

    assert sorted(gather_outcomes(client, job)) == [0, 1, 2, 3]
    assert sorted(gather_outcomes(client, later)) == [4]
    assert sorted(gather_outcomes(client, later, 0)) == [0, 1, 2, 3]


def test_of_large_parts_few_headers_are_in_memory_at_a_time(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = elsewhere(client)
    for call in range(6):
        store(client, job, call, dict.fromkeys(range(3 * call, 3 * call + 3), "x"))
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    waves: list[list[str]] = []
    few_rows = module._few_rows

    def noted(keys: list[str]) -> Iterator[list[str]]:
        for wave in few_rows(keys):
            waves.append(wave)
            yield wave

    monkeypatch.setattr(module, "_few_rows", noted)

    assert sorted(gather_outcomes(client, job, results=False)) == list(range(18))
    assert [len(wave) for wave in waves] == [2, 2, 2]
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 1)
    waves.clear()
    assert sorted(gather_outcomes(client, job, results=False)) == list(range(18))
    assert [len(wave) for wave in waves] == [1] * 6


@pytest.mark.parametrize("results", [True, False])
def test_a_part_that_is_replaced_while_it_is_read_is_looked_for_again(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, results: bool
) -> None:
    job = elsewhere(client)
    old = store(client, job, 0, {0: "a"})
    storage = client.storage

    def replaces(name: str, key: str) -> bool:
        if name == "get_object" and key == old and client.storage is not storage:
            monkeypatch.setattr(client._internal_storage, "storage", storage)
            store(client, job, 0, {0: "a", 1: "b"})
            client.delete(job.bucket, [old])
        return False

    monkeypatch.setattr(client._internal_storage, "storage", FailingStorage(storage, replaces))

    assert sorted(gather_outcomes(client, job, results=results)) == [0, 1]


def test_output_is_read_without_the_results(client: LithopsClient, start_map: MapStarter) -> None:
    run = start_map(lambda x: sys.stdout.write(f"item {x} speaks\n") if x % 2 else None, range(5), batch_size=2)
    run.read_results = False
    run.finish()

    assert not [outcome for outcome in run.outcomes.values() if outcome.result is not None]
    assert list(run.printed()) == [(1, "item 1 speaks\n"), (3, "item 3 speaks\n")]


def test_a_storage_that_fails_in_passing_is_asked_again(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_FIRST_DELAY", 0.01)
    job = elsewhere(client)
    store(client, job, 0, {0: "a"})
    monkeypatch.setattr(
        client._internal_storage, "storage", FailingStorage(client.storage, times(6, "get_object", ".part"))
    )

    assert sorted(gather_outcomes(client, job)) == [0]


def test_a_storage_that_stays_away_is_an_error_of_ours(client: LithopsClient) -> None:
    failing = LithopsClient(client.config, patience=0.5)
    job = elsewhere(client)
    store(client, job, 0, {0: "a"})
    failing._internal_storage.storage = FailingStorage(client.storage, times(1_000_000, "get_object", ".part"))

    with pytest.raises(StorageUnavailableError):
        gather_outcomes(failing, job)


# -- what is missing -------------------------------------------------------------------------------------------


def exc_info(kind: type[BaseException], *arguments: Any) -> str:
    """As Lithops's worker writes it."""
    return str(pickle.dumps((kind, kind(*arguments), None)))


def missing(client: LithopsClient, job: LithopsJob, lost: str | None = None) -> list[tuple[list[int], bool, Any]]:
    found = find_missing(client, job, [[0, 1, 2], [3]], gather_outcomes(client, job), lost)
    return [
        (group.indices, group.alone, group.reason and (group.reason["type"], group.reason["message"]))
        for group in found
    ]


def test_nothing_is_missing_when_every_item_has_an_outcome(client: LithopsClient) -> None:
    job = elsewhere(client)
    store(client, job, 0, {0: "a", 1: None, 2: "c"})
    store(client, job, 1, {3: "d"})

    assert missing(client, job) == []


def test_items_of_a_call_that_ended_well_were_handed_back(client: LithopsClient) -> None:
    job = elsewhere(client)
    store(client, job, 0, {0: "a"})
    report(client, job, 0, exception=False)
    store(client, job, 1, {3: "d"})

    assert missing(client, job) == [([1, 2], False, None)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"exc_info": exc_info(MemoryError, "HANDLER", "killed")}, ("MemoryError", "call 00000: killed")),
        ({"exc_info": exc_info(ValueError, "no")}, ("ValueError", "call 00000: no")),
        ({"exc_info": str(pickle.dumps({"exc_type": "E", "exc_value": "text"}))}, ("E", "call 00000: text")),
    ],
    ids=["of the handler", "of the call", "as text"],
)
def test_the_exception_of_a_call_is_why_its_items_are_missing(
    client: LithopsClient, status: dict[str, Any], expected: tuple[str, str]
) -> None:
    job = elsewhere(client)
    report(client, job, 0, exception=True, **status)
    store(client, job, 1, {3: "d"})

    assert missing(client, job) == [([0, 1, 2], False, expected)]


@pytest.mark.parametrize("broken", ["no literal", "b'no pickle'", None], ids=repr)
def test_an_exception_that_cannot_be_read_here_is_said_to_be_so(client: LithopsClient, broken: str | None) -> None:
    job = elsewhere(client)
    report(client, job, 0, exception=True, exc_info=broken)
    store(client, job, 1, {3: "d"})

    ((_, _, reason),) = missing(client, job)

    assert "its exception can't be read here" in reason[1]


class Interrupted:
    """Somebody presses Ctrl-C while it is unpickled."""

    def __reduce__(self) -> Any:
        return signal.raise_signal, (signal.SIGINT,)


class PretendsIt:
    """Only raises what Ctrl-C would."""

    def __reduce__(self) -> Any:
        return exec, ("raise KeyboardInterrupt",)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises, also in a process that was started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_only_a_signal_of_this_process_ends_it_while_an_exception_is_read(client: LithopsClient) -> None:
    job = elsewhere(client)
    store(client, job, 1, {3: "d"})
    report(client, job, 0, exception=True, exc_info=str(pickle.dumps(PretendsIt())))
    ((_, _, reason),) = missing(client, job)
    assert "its exception can't be read here" in reason[1]

    report(client, job, 0, exception=True, exc_info=str(pickle.dumps(Interrupted())))
    with pytest.raises(KeyboardInterrupt):
        missing(client, job)


def test_the_log_of_a_call_that_died_comes_along(client: LithopsClient) -> None:
    job = elsewhere(client)
    log = base64.b64encode(zlib.compress(b"x" * 10_000 + b"the end")).decode()
    report(client, job, 0, exception=True, exc_info=exc_info(ValueError, "no"), logs=log)

    (group, _) = find_missing(client, job, [[0], [1]], Outcomes(), None)

    assert group.reason is not None
    assert group.reason["traceback"].endswith("xthe end")
    assert len(group.reason["traceback"]) <= 2_000


def test_calls_that_never_reported_are_lost(client: LithopsClient) -> None:
    job = elsewhere(client)

    assert missing(client, job, "the machine burned") == [
        ([0, 1, 2], False, ("CallLostError", "call 00000: the machine burned")),
        ([3], True, ("CallLostError", "call 00001: the machine burned")),
    ]
    assert missing(client, job)[1] == ([3], True, ("CallLostError", "call 00001: the call never reported"))


def test_how_real_calls_die_is_told(faas: FaasMaker) -> None:
    run = finished(faas(), *bind_items(lambda x: os.kill(os.getppid(), signal.SIGKILL), [0]))

    assert run.results() == [None]
    (killed,) = run.failures()
    assert killed.type == "MemoryError"
    assert "SIGKILL" in killed.message


# -- all that is left of a job is its value --------------------------------------------------------------------


def test_a_job_that_partly_failed_is_gathered_from_its_value(client: LithopsClient, start_map: MapStarter) -> None:
    job = LithopsJob.from_dict(json.loads(json.dumps(start_map(lambda x: 1 // x, [1, 0, -1]).job.to_dict())))
    wait_for_job(client, job, poll_interval=POLL, timeout=HANGS)

    assert gather_results(client, job, min_success_ratio=0.5) == [1, None, -1]
    with pytest.raises(ItemsFailedError, match="1 of 3 item") as caught:
        gather_results(client, job)
    assert [failure.type for failure in caught.value.failures] == ["ZeroDivisionError"]


class Unknown:
    """A class that whoever waits for the job can't import."""

    def __reduce__(self) -> Any:
        return __import__, ("a_module_of_the_runtime_alone",)


def test_a_job_is_judged_without_its_results(client: LithopsClient, start_map: MapStarter) -> None:
    job = start_map(lambda x: Unknown() if x else 1 // x, [1, 0, 2]).job
    wait_for_job(client, job, poll_interval=POLL, timeout=HANGS)

    check_results(client, job, min_success_ratio=0.6)
    with pytest.raises(ItemsFailedError, match="1 of 3 item") as caught:
        check_results(client, job)
    assert [failure.type for failure in caught.value.failures] == ["ZeroDivisionError"]
    with pytest.raises(ItemsFailedError, match="3 of 3 item"):
        gather_results(client, job)


def test_a_job_whose_data_is_gone_is_an_error(client: LithopsClient) -> None:
    with pytest.raises(StorageUnavailableError, match=r"the data of job .* is gone from localhost://"):
        gather_results(client, elsewhere(client))


def test_items_that_were_handed_back_to_nobody_are_told_as_not_run(faas: FaasMaker) -> None:
    client = faas(max_workers=1, runtime_timeout=15)  # Lithops keeps 5 of them for itself
    run = started(client, *bind_items(lambda x: time.sleep(HANGS if x else 0), range(20)))
    wait_for_job(client, run.job, poll_interval=POLL, timeout=HANGS)

    with pytest.raises(ItemsFailedError) as caught:
        gather_results(client, run.job)
    assert {failure.type for failure in caught.value.failures} == {"NotRunError"}
    assert [failure.index for failure in caught.value.failures] == list(range(1, 20))
