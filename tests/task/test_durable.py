"""What a task remembers of its jobs, and when it goes on with one."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.follow.owner import set_owner
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.submit.send import new_job
from lithops_provider.jobs.submit.spec import JobSpec, make_spec
from lithops_provider.task.durable import KEY, UNREADABLE_KEY, DurableState
from lithops_provider.task.owner import owner_of
from tests.programs import run_python
from tests.task.instances import Store

ROOT = Path(__file__).resolve().parents[2]


def first(x: Any, y: int = 0) -> Any:
    return x


def second(x: Any, y: int = 0) -> Any:
    return [x]


def spec_of(items: Any, function: Callable[..., Any] = first, **extra: Any) -> JobSpec:
    return make_spec("map", *bind_items(function, items, extra))


@pytest.fixture
def client() -> LithopsClient:
    return LithopsClient(resolve_config())


@pytest.fixture
def store() -> Store:
    return Store()


def instance(**changed: Any) -> Any:
    """Returns a task instance."""
    return SimpleNamespace(
        **{"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "id": "i", "try_number": 1, **changed}
    )


@pytest.fixture
def state(store: Store) -> DurableState:
    return DurableState({"task_state_store": store, "ti": instance(try_number=2)}, True, logging.getLogger(__name__))  # type: ignore[typeddict-item]


def remember(state: DurableState, client: LithopsClient, spec: JobSpec, owner: Any = None) -> LithopsJob:
    """Stores a job as if the first try of a task had sent it."""
    job = new_job(client, spec).with_round(len(spec.items), 1)
    set_owner(client, job, owner_of(owner or instance()))
    client.put(job.items_key(), frames.pack(spec.items.blocks))
    client.put(job.plan_key(), json.dumps({"submitted": 0, "calls": [list(range(len(spec.items)))]}).encode())
    state.save("map", job, spec.digests)
    return job


def test_the_same_items_find_the_job(state: DurableState, client: LithopsClient) -> None:
    job = remember(state, client, spec_of([1, 2]))
    assert state.find("map", client, spec_of([1, 2])) == job
    assert state.find("reduce", client, spec_of([1, 2])) is None


def test_changed_items_start_afresh_and_stop_the_old_job(
    state: DurableState, client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    job = remember(state, client, spec_of([1, 2]))
    assert state.find("map", client, spec_of([1, 3])) is None
    assert "the items have changed" in caplog.text
    assert client.get(job.bucket, job.stop_key()) is not None


@pytest.mark.parametrize("items", [[1, 2], [1, 3]], ids=["same items", "other items"])
@pytest.mark.parametrize("other", [{"dag_id": "e"}, {"run_id": "s"}, {"task_id": "u"}, {"map_index": 0}], ids=str)
def test_the_job_of_another_task_is_neither_gone_on_with_nor_stopped(
    state: DurableState, client: LithopsClient, caplog: pytest.LogCaptureFixture, other: dict[str, Any], items: Any
) -> None:
    """Whoever may edit the store can write any job into it, with any digests."""
    job = remember(state, client, spec_of([1, 2]), instance(**other))

    assert state.find("map", client, spec_of(items)) is None
    assert "nothing in storage says that this task has sent it" in caplog.text
    assert client.get(job.bucket, job.stop_key()) is None

    client.delete(job.bucket, [job.owner_key])
    assert state.find("map", client, spec_of(items)) is None
    assert client.get(job.bucket, job.stop_key()) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"backend": "aws_lambda"}, "it runs on aws_lambda, not on localhost"),
        ({"storage": "aws_s3"}, "it is in aws_s3://storage, not in localhost://storage"),
        ({"bucket": "other"}, "it is in localhost://other, not in localhost://storage"),
    ],
    ids=["backend", "storage", "bucket"],
)
def test_a_job_of_another_backend_or_storage_is_not_gone_on_with(
    state: DurableState,
    client: LithopsClient,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, str],
    reason: str,
) -> None:
    job = remember(state, client, spec_of([1, 2]))
    state.save("map", replace(job, **change), spec_of([1, 2]).digests)

    assert state.find("map", client, spec_of([1, 2])) is None
    assert reason in caplog.text
    # What runs on another backend is told to stop by an object, which a client of this storage can write.
    assert (client.get(job.bucket, job.stop_key()) is not None) is ("backend" in change)


def test_changed_shared_arguments_start_afresh(
    state: DurableState, client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    remember(state, client, spec_of([1], y=1))
    assert state.find("map", client, spec_of([1], y=2)) is None
    assert "arguments that all items share" in caplog.text


def test_a_changed_function_keeps_what_succeeded(
    state: DurableState, client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    job = remember(state, client, spec_of([1]))
    assert state.find("map", client, spec_of([1], second)) == job
    assert "has changed" in caplog.text
    assert "durable=False" in caplog.text


#: What a first try of a task stores, as a program: its items and shared arguments hold sets of str.
FIRST_TRY = """
import base64, json, sys
import cloudpickle, tests
cloudpickle.register_pickle_by_value(tests)  # as in this process
from tests.task.test_durable import first_try
spec = first_try()
print(json.dumps({"items": [base64.b64encode(item).decode() for item in spec.items.blocks], "digests": spec.digests}))
"""


def first_try() -> JobSpec:
    """Returns a job whose pickles differ from process to process."""
    import numpy

    words = {"alpha", "beta", "gamma", "delta", "epsilon"}
    items = [words, (numpy.arange(3), words), {"x": [len, lambda x: x, words]}, {"x": Unequal(words)}]
    return make_spec("map", *bind_items(lambda x, y=0, extra=None: x, items, {"extra": words}))


class Unequal:
    """Has no ``__eq__``."""

    def __init__(self, words: set[str]) -> None:
        self.words = words


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_retry_under_another_hash_seed_finds_the_job(
    state: DurableState, client: LithopsClient, caplog: pytest.LogCaptureFixture, seed: str
) -> None:
    stored = json.loads(run_python(FIRST_TRY, environment={"PYTHONHASHSEED": seed}, folder=ROOT))
    now = first_try()
    job = remember(state, client, now)
    client.put(job.items_key(), frames.pack([base64.b64decode(item) for item in stored["items"]]))
    state.save("map", job, stored["digests"])

    assert state.find("map", client, now) == job
    assert "has changed" not in caplog.text


def test_a_job_whose_data_is_gone_is_sent_afresh(
    state: DurableState, client: LithopsClient, caplog: pytest.LogCaptureFixture
) -> None:
    job = remember(state, client, spec_of([1]))
    client.delete(job.bucket, client.keys(job.bucket, f"{job.round_prefix()}/"))
    assert state.find("map", client, spec_of([1])) is None
    assert "its data is gone" in caplog.text


def unreadable(job: dict[str, Any], digests: dict[str, str]) -> list[Any]:
    """Returns what a store may hold that can't be gone on with."""
    good = {"job": job, "digests": digests}
    return [
        *("text", 5, [good], {"map": None}, {"map": "text"}, {"map": {"job": job}}, {"map": {"digests": digests}}),
        {"map": {**good, "digests": [1]}},
        {"map": {**good, "digests": {"items": "a"}}},
        {"map": {**good, "job": {**job, "lithops_job": 2}}},
        {"map": {**good, "job": {**job, "executor_id": "../../../x"}}},
        {"map": good, "reduce": {**good, "job": {**job, "bucket": "../.."}}},
    ]


@pytest.mark.parametrize("number", range(12))
def test_what_cant_be_read_is_put_aside_and_the_job_starts_afresh(
    state: DurableState, store: Store, client: LithopsClient, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    spec = spec_of([1])
    job = remember(state, client, spec)
    stored = store.values[KEY] = unreadable(job.to_dict(), spec.digests)[number]

    assert state.find("map", client, spec) is None
    assert store.values == {UNREADABLE_KEY: stored}
    assert "can't be read" in caplog.text
    assert UNREADABLE_KEY in caplog.text
    state.save("map", job, spec.digests)
    assert state.find("map", client, spec) == job


def test_what_a_newer_release_has_added_to_a_job_stays_in_the_store(
    state: DurableState, store: Store, client: LithopsClient
) -> None:
    spec = spec_of([1])
    remember(state, client, spec)
    store.values[KEY]["map"]["job"]["labels"] = ["a"]

    found = state.find("map", client, spec)
    assert found is not None
    state.save("map", found.with_round(1, 1), spec.digests)

    assert store.values[KEY]["map"]["job"]["labels"] == ["a"]


def test_forgetting(state: DurableState, client: LithopsClient, store: Store) -> None:
    remember(state, client, spec_of([1]))
    state.forget()
    assert store.values == {}
    assert state.find("map", client, spec_of([1])) is None


def test_without_a_store_nothing_is_remembered(client: LithopsClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    state = DurableState({}, True, logging.getLogger(__name__))  # type: ignore[typeddict-item]
    assert "no task state store" in caplog.text
    remember(state, client, spec_of([1]))
    assert state.find("map", client, spec_of([1])) is None
    state.forget()


def test_durable_false_uses_no_store(client: LithopsClient, store: Store) -> None:
    state = DurableState({"task_state_store": store}, False, logging.getLogger(__name__))  # type: ignore[typeddict-item]
    remember(state, client, spec_of([1]))
    assert store.values == {}
