"""The names of a job's objects are those that Lithops gives them."""

from __future__ import annotations

from lithops_provider.jobs.remote.keys import JOBS_PREFIX, call_id, job_prefix


def test_calls_are_named_as_lithops_names_them() -> None:
    from lithops.invokers import _format_call_id

    assert [call_id(number) for number in (0, 7, 12345)] == [_format_call_id(number) for number in (0, 7, 12345)]


def test_our_objects_lie_where_lithops_keeps_a_jobs() -> None:
    from lithops.constants import JOBS_PREFIX as LITHOPS_PREFIX

    assert job_prefix("0123456789abcdef-0", "M000") == f"{LITHOPS_PREFIX}/0123456789abcdef-0-M000"
    assert JOBS_PREFIX == LITHOPS_PREFIX
