from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import InvalidInputError, LithopsJobError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.submit.send import new_job
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs.made import JOB


def test_it_is_plain_json_and_comes_back_the_same() -> None:
    job = JOB.with_round(10, 4).with_round(3, 3)

    assert LithopsJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    assert LithopsJob.from_dict(json.loads(json.dumps(JOB.to_dict()))) == JOB


def new(client: LithopsClient, **options: Any) -> LithopsJob:
    binding, items = bind_items(abs, [1, 2])
    return new_job(client, make_spec("map", binding, items, Options(**options)))


def test_it_holds_no_credentials() -> None:
    secret = "swordfish"
    minio = {"endpoint": "http://h", "access_key_id": secret, "secret_access_key": secret}

    job = new(LithopsClient(resolve_config({"minio": minio})), extra_env={"TOKEN": secret})

    assert secret not in json.dumps(job.to_dict())
    assert secret not in repr(job)


def test_a_new_job_says_where_it_will_be_and_that_nothing_was_sent(client: LithopsClient) -> None:
    job = new(client, timeout=50)

    assert (job.backend, job.storage, job.bucket) == (client.backend, client.storage_backend, client.bucket)
    assert (job.kind, job.function, job.items, job.timeout) == ("map", "abs", 2, 50.0)
    assert job.rounds == ()


@pytest.mark.parametrize("timeout", [2_000_000_000, "2000000000"])
def test_a_job_whose_value_nobody_could_read_is_refused_before_anything_is_sent(timeout: Any) -> None:
    client = LithopsClient(resolve_config({"lithops": {"execution_timeout": timeout}}))

    with pytest.raises(InvalidInputError, match=r"can't be sent: timeout must be a number of seconds up to 1e\+09"):
        new(client)


@pytest.mark.parametrize(("kind", "letter"), [("call", "A"), ("map", "M"), ("reduce", "R")])
def test_rounds_have_ids_of_their_own_which_sort_as_they_were_sent(kind: Any, letter: str) -> None:
    job = LithopsJob.from_dict({**JOB.to_dict(), "kind": kind})
    for _ in range(12):
        job = job.with_round(1, 1)

    assert job.job_ids[0] == f"{letter}000"
    assert len(set(job.job_ids)) == 12
    assert job.job_ids == sorted(job.job_ids)
    prefixes = [job.round_prefix(number) for number in range(12)]
    assert prefixes[0] == f"lithops.jobs/0123456789abcdef-0-{letter}000"
    assert job.round_prefix() == prefixes[-1]
    assert not any(one.startswith(other) for one in prefixes for other in prefixes if one != other)


def test_adding_a_round_leaves_the_value_as_it_was() -> None:
    JOB.with_round(1, 1)

    assert JOB.rounds == ()


def test_executor_ids_are_as_lithops_wants_them_and_never_the_same() -> None:
    ids = {LithopsJob.new_executor_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{16}-0", executor_id) for executor_id in ids)


def test_the_reference_names_all_rounds() -> None:
    job = JOB.with_round(10, 4).with_round(3, 3)

    assert job.reference() == {
        "bucket": "storage",
        "executor_id": "0123456789abcdef-0",
        "job_ids": ["M000", "M001"],
    }


def test_a_value_is_told_from_other_dicts() -> None:
    assert LithopsJob.is_value(JOB.to_dict())
    assert not LithopsJob.is_value({"executor_id": "x"})
    assert not LithopsJob.is_value([JOB.to_dict()])
    assert not LithopsJob.is_value(None)


def test_a_value_of_the_first_release_loads() -> None:
    """As it was stored by 0.1.0. Values in databases outlive releases."""
    stored = (
        '{"lithops_job": 1, "executor_id": "84f0d2a93b1c4e57-0", "kind": "map", "function": "resize", "items": 3, '
        '"backend": "aws_lambda", "storage": "aws_s3", "bucket": "team-a.lithops", "runtime": "", "timeout": 60, '
        '"host": "worker-1", "created": 1753170000.123, '
        '"rounds": [{"job_id": "M000", "items": 3, "calls": 2, "submitted": 1753170000.5}]}'
    )

    job = LithopsJob.from_dict(json.loads(stored))

    assert job.round_prefix() == "lithops.jobs/84f0d2a93b1c4e57-0-M000"
    assert job.to_dict() == json.loads(stored)


def test_a_job_of_which_nothing_was_sent_has_no_objects() -> None:
    with pytest.raises(InvalidInputError, match=r"nothing of job .* was sent"):
        JOB.items_key()


def test_a_job_has_so_many_rounds_and_no_more() -> None:
    job = JOB
    for _ in range(1000):
        job = job.with_round(1, 1)

    assert LithopsJob.from_dict(job.to_dict()) == job
    with pytest.raises(LithopsJobError, match="was sent in 1000 rounds"):
        job.with_round(1, 1)


def test_what_a_new_job_is_called_always_comes_back(client: LithopsClient) -> None:
    """Names of functions are text that anybody may set."""

    def named(x: int) -> int:
        return x

    named.__name__ = named.__qualname__ = "a\0b\udce9" + "x" * 10_000
    binding, items = bind_items(named, [1])

    job = new_job(client, make_spec("map", binding, items, Options()))

    assert LithopsJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    assert job.function.encode()


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({}, "not the value of a Lithops job"),
        (None, "not the value of a Lithops job"),
        ({**JOB.to_dict(), "lithops_job": 99}, "format 99; this release reads 1.*upgrade"),
        ({**JOB.to_dict(), "lithops_job": True}, "format True"),
        ({**JOB.to_dict(), "lithops_job": [1]}, "format"),
    ],
)
def test_anything_else_is_an_error(value: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        LithopsJob.from_dict(value)
