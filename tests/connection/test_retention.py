"""``[lithops] retention``, and what goes by it."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from lithops_provider.connection.retention import configured_retention
from lithops_provider.hooks import LithopsHook
from lithops_provider.jobs.errors import ConfigurationError

OPTION = "AIRFLOW__LITHOPS__RETENTION"


@pytest.mark.parametrize("given", ["", "  "])
def test_without_it_all_is_kept(given: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv(OPTION, given)
    monkeypatch.setattr(LithopsHook, "get_client", lambda self: pytest.fail("a client was opened"))
    assert configured_retention() is None
    with caplog.at_level(logging.WARNING):
        assert LithopsHook().clean_older_than() == 0


@pytest.mark.parametrize(("given", "days"), [("30", 30), ("0.5", 0.5)])
def test_it_is_in_days(given: str, days: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, given)
    assert configured_retention() == timedelta(days=days)


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "1e300", "a month"])
def test_what_is_no_number_of_days_is_said(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is deleted: an age of 0 would delete jobs that run."""
    monkeypatch.setenv(OPTION, given)
    monkeypatch.setattr(LithopsHook, "get_client", lambda self: pytest.fail("a client was opened"))
    with pytest.raises(ConfigurationError, match=r"\[lithops\] retention must be a number of days above 0, got"):
        LithopsHook().clean_older_than()


@pytest.mark.parametrize(("given", "age", "seconds"), [("30", None, 2_592_000), ("30", timedelta(days=7), 604_800)])
def test_the_hook_deletes_by_it(
    given: str, age: timedelta | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An age that is given goes first."""
    called = []
    monkeypatch.setenv(OPTION, given)
    monkeypatch.setattr(LithopsHook, "get_client", lambda self: "client")
    monkeypatch.setattr("lithops_provider.jobs.clean.clean_older_than", lambda *args: called.append(args) or 3)
    assert LithopsHook().clean_older_than(age) == 3
    assert called == [("client", seconds)]
