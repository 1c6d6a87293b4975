"""A value that somebody else has written is refused unless each of its fields is right."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job import LithopsJob
from tests.jobs.made import JOB


def test_what_a_newer_release_has_added_is_kept_and_else_ignored() -> None:
    value = JOB.with_round(10, 4).to_dict()
    newer = {**value, "labels": {"team": ["a"]}, "unknown": 1}
    newer["rounds"] = [{**value["rounds"][0], "region": "eu-west-1"}]

    job = LithopsJob.from_dict(newer)

    assert job.with_round(1, 1).round_prefix() == JOB.with_round(10, 4).with_round(1, 1).round_prefix()
    assert job.to_dict() == newer
    assert job.with_round(1, 1).to_dict()["rounds"][0] == newer["rounds"][0]
    assert len({job, LithopsJob.from_dict(newer)}) == 1


ROUND = {"job_id": "M000", "items": 1, "calls": 1, "submitted": 1.0}


@pytest.mark.parametrize(
    ("field", "forged"),
    [
        *[("executor_id", forged) for forged in ("../../../x", "*", "0123456789abcdef-0/..", "0123456789ABCDEF-0", 5)],
        *[("executor_id", forged) for forged in ("0123456789abcdef-0\n", "\uff10123456789abcdef-0", "0" * 10**6, None)],
        *[("kind", forged) for forged in ("all", ["map"], None, {})],
        *[("function", forged) for forged in (5, "x" * 1001, "a\0b")],
        *[("items", forged) for forged in (-1, 10**10, 1.0, True, "10", float("nan"))],
        *[("backend", forged) for forged in ("", "../x", "a.b", 5, "x" * 65)],
        *[("storage", forged) for forged in ("http://host", "aws s3", None)],
        *[("bucket", forged) for forged in ("..", ".", "a/b", "../..", "a\\b", "", "x" * 256, "a\nb", "a\x1b[0m", 7)],
        *[("runtime", forged) for forged in (None, "x" * 4097, "a\0b")],
        *[("timeout", forged) for forged in ("60", -1, float("inf"), float("nan"), True, 10**400)],
        *[("host", forged) for forged in (None, "x" * 256)],
        *[("created", forged) for forged in ("now", float("nan"), -1.0, 1e300)],
        *[("rounds", forged) for forged in (5, None, {}, "M000", [5], [ROUND] * 2, [{}], [ROUND] * 1001)],
        *[("rounds", [{**ROUND, "job_id": forged}]) for forged in ("M000/..", "M001", "A000", "M0000", None)],
        *[("rounds", [{**ROUND, "items": forged}]) for forged in (-1, "1", 1.5)],
        ("rounds", [{**ROUND, "calls": True}]),
        ("rounds", [{**ROUND, "submitted": "now"}]),
        ("rounds", [{**ROUND, "more": "x" * 65_000}]),
        ("more", "x" * 65_000),
        pytest.param("more", object(), id="more-object"),
        ("more", float("nan")),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_forged_value_is_refused_whole_and_the_field_is_named(field: str, forged: Any) -> None:
    value = {**JOB.with_round(1, 1).to_dict(), field: forged}

    with pytest.raises(InvalidInputError, match=f"is damaged: .*({field}|more)") as caught:
        LithopsJob.from_dict(value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("field", sorted(JOB.to_dict()))
def test_a_value_that_lacks_a_field_is_refused(field: str) -> None:
    value = JOB.to_dict()
    del value[field]

    with pytest.raises(InvalidInputError):
        LithopsJob.from_dict(value)


def test_a_deep_value_is_an_error_and_no_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(InvalidInputError, match="is damaged"):
        LithopsJob.from_dict({**JOB.to_dict(), "more": deep})
