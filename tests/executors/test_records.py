"""Records of jobs that aren't over."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.executors.records import (
    PREFIX,
    JobRecord,
    call_name,
    delete_record,
    has_record,
    read_records,
    write_record,
)
from lithops_provider.jobs import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError
from tests.jobs.made import JOB, make_job


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"job": 1, "ids": []},
        {"job": {"lithops_job": 1}, "ids": []},
        {"job": JOB.to_dict(), "ids": "0123456789"},
        {"job": JOB.to_dict(), "ids": ["id"] * 11},
        {"job": JOB.to_dict(), "ids": ["id"] * 9 + [10]},
    ],
    ids=lambda broken: str(broken)[-40:],
)
def test_a_record_that_somebody_has_changed_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        JobRecord.from_json(broken)


@pytest.mark.parametrize("content", [b'{"job": {"lithops_job": 1}, "ids": []}', b'{"job": {"lith', b"[]"])
def test_a_damaged_record_is_left_alone(client: LithopsClient, content: bytes) -> None:
    key = f"{PREFIX}0123456789abcdef-0.json"
    client.put(key, content)
    assert read_records(client) == []
    client.delete(client.bucket, [key])


def test_a_record_is_there_until_its_job_is_over(client: LithopsClient) -> None:
    job = make_job(items=2, bucket=client.bucket)
    write_record(client, job, ["one", "two"])

    assert read_records(client) == [JobRecord(job, ("one", "two"))]
    assert has_record(client, job)
    delete_record(client, job)
    assert not has_record(client, job)
    assert read_records(client) == []


def test_a_record_counts_as_there_while_the_storage_does_not_answer(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the job of a scheduler that lives would be forgotten."""

    def fail(bucket: str, key: str) -> None:
        raise StorageUnavailableError("it is down")

    monkeypatch.setattr(client, "get", fail)

    assert has_record(client, JOB)


def test_a_record_of_another_bucket_is_left_alone(client: LithopsClient) -> None:
    job = make_job(items=1, bucket="another")
    write_record(client, job, ["one"])

    assert read_records(client) == []


def test_the_name_of_a_call_tells_its_job() -> None:
    assert call_name(JOB.with_round(10, 4), 3) == "0123456789abcdef-0-M000/00003"
