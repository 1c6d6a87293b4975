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
from tests.jobs.made import JOB, make_job


@pytest.mark.parametrize("broken", [{}, {"job": 1, "ids": []}, {"job": {"lithops_job": 1}, "ids": []}])
def test_a_record_that_somebody_has_changed_is_refused(broken: dict[str, Any]) -> None:
    from lithops_provider.jobs.errors import InvalidInputError

    with pytest.raises(InvalidInputError):
        JobRecord.from_json(broken)


def test_a_damaged_record_is_left_alone(client: LithopsClient) -> None:
    key = f"{PREFIX}0123456789abcdef-0.json"
    client.put(key, b'{"job": {"lithops_job": 1}, "ids": []}')
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


def test_a_record_of_another_bucket_is_left_alone(client: LithopsClient) -> None:
    job = make_job(items=1, bucket="another")
    write_record(client, job, ["one"])

    assert read_records(client) == []


def test_the_name_of_a_call_tells_its_job() -> None:
    assert call_name(JOB.with_round(10, 4), 3) == "0123456789abcdef-0-M000/00003"
